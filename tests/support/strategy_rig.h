#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <string>

#include "fabric/registry.h"
#include "fabric/strategy.h"
#include "runtime/accelerators/cpu_accelerator.h"
#include "support/ranks.h"

namespace fabric::testing {

/// Returns `module` as a strategy sees it, each tensor once.
inline ModuleParameters parameters_of(torch::nn::Module& module) {
  ModuleParameters result;
  result.module = &module;
  for (const auto& entry : module.named_parameters()) {
    bool is_known = false;
    for (const at::Tensor& known : result.parameters) is_known = is_known || known.is_same(entry.value());
    if (is_known) continue;
    result.names.push_back(entry.key());
    result.parameters.push_back(entry.value());
  }
  for (const at::Tensor& buffer : module.buffers()) result.buffers.push_back(buffer);
  return result;
}

/// A strategy of a rank, set up on the cpu.
struct StrategyRig {
  StrategyRig(RankEnvironment& environment, std::unique_ptr<Strategy> made) : strategy(std::move(made)) {
    strategy->setup_environment(environment, accelerator);
  }
  StrategyRig(RankEnvironment& environment, const std::string& name) : StrategyRig(environment, create(name)) {}

  static std::unique_ptr<Strategy> create(const std::string& name) {
    StrategyRegistry registry("strategy");
    add_builtin_strategies(registry);
    return registry.create(name);
  }
  std::shared_ptr<StrategyModule> setup(torch::nn::Module& module) {
    return strategy->setup_module(parameters_of(module));
  }

  CpuAccelerator accelerator;
  std::unique_ptr<Strategy> strategy;
};

/// Returns all parameters of `module`, one after the other, as the bytes of their floats.
inline std::string weights_of(const torch::nn::Module& module) {
  std::string bytes;
  for (const at::Tensor& parameter : module.parameters()) {
    const at::Tensor data = parameter.detach().contiguous();
    bytes.append(static_cast<const char*>(data.const_data_ptr()), data.nbytes());
  }
  return bytes;
}

}  // namespace fabric::testing
