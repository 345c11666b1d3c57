#include "runtime/api/fabric_core.h"

#include <torch/optim/optimizer.h>

#include <algorithm>
#include <cctype>
#include <iostream>

#include "fabric/error.h"
#include "runtime/api/job_options.h"
#include "runtime/api/optimizer_core.h"

namespace fabric {
namespace {

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string accelerator_name(const std::string& name) { return name == "gpu" ? "cuda" : name; }

/// Returns the object that was chosen, or makes the one whose name `resolve` gives for the chosen name.
template <class Family, class... A, class Resolve, class... Given>
std::shared_ptr<Family> choose(const Choice<Family>& choice, const Registry<Family, A...>& registry, Resolve resolve,
                               const Given&... given) {
  if (const auto* const own = std::get_if<std::shared_ptr<Family>>(&choice)) return *own;
  return registry.create(resolve(lower_case(std::get<std::string>(choice))), given...);
}

std::string unchanged(const std::string& name) { return name; }

}  // namespace

namespace detail {

// An optimizer of LibTorch may be stepped without the handle: then its gradients are gone, as zero_grad() leaves them.
bool FabricCore::is_clean() const {
  if (!has_gradients) return true;
  for (const std::weak_ptr<OptimizerCore>& weak : optimizers) {
    const std::shared_ptr<OptimizerCore> optimizer = weak.lock();
    if (optimizer == nullptr) continue;
    for (const torch::optim::OptimizerParamGroup& group : optimizer->optimizer().param_groups()) {
      for (const at::Tensor& parameter : group.params()) {
        if (parameter.grad().defined()) return false;
      }
    }
  }
  return true;
}

std::optional<double> FabricCore::best_metric_value() const {
  if (!best_metric) return std::nullopt;
  if (const double* const number = std::get_if<double>(&*best_metric)) return *number;
  return std::get<at::Tensor>(*best_metric).to(at::kDouble).item<double>();
}

RunCheckpoints& FabricCore::checkpoints() {
  if (!run_checkpoints) {
    run_checkpoints.emplace(*checkpoint_io, environment.run_directory() + "/checkpoints", options.checkpoint);
  }
  return *run_checkpoints;
}

void FabricCore::restore_loader(size_t number) {
  const std::shared_ptr<EpochCursor> loader = loaders.at(number).lock();
  if (loader == nullptr || number >= loader_states.size() || loader_states[number].is_none()) return;
  try {
    loader->load_state_dict(loader_states[number]);
  } catch (const UsageError& error) {
    if (environment.global_rank() != 0) return;
    std::cerr << "fabric: loader " << number << " begins anew: " << error.what() << std::endl;
  }
}

}  // namespace detail

std::unique_ptr<detail::FabricCore> make_fabric_core(Environment& environment, Options options) {
  auto core = std::make_unique<detail::FabricCore>(
      detail::FabricCore{.environment = environment, .options = std::move(options)});
  const Options& chosen = core->options;
  const Registries& registries = chosen.registries;
  core->seed = chosen.seed.value_or(0);
  core->accelerator = choose(chosen.accelerator, registries.accelerators, accelerator_name);
  core->precision = choose(chosen.precision, registries.precisions, precision_name);
  core->checkpoint_io = choose(chosen.checkpoint_io, registries.checkpoint_ios, unchanged);
  core->strategy = choose(chosen.strategy, registries.strategies, unchanged);
  if (environment.global_rank() == 0) {
    for (const Choice<Logger>& logger : chosen.loggers) {
      core->loggers.push_back(choose(logger, registries.loggers, unchanged, environment.run_directory()));
    }
  }
  // Last: whatever fails before it fails while no rank depends on this one.
  core->strategy->setup_environment(environment, *core->accelerator);
  return core;
}

}  // namespace fabric
