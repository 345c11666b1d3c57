#include "fabric/module.h"

#include <torch/nn/module.h>

#include <set>

#include "runtime/api/module_state.h"

namespace fabric::detail {
namespace {

/// Lists names and tensors of a module, each tensor once.
ModuleParameters list_once(torch::nn::Module& module) {
  ModuleParameters result{.module = &module, .names = {}, .parameters = {}, .buffers = {}};
  std::set<const c10::TensorImpl*> seen;
  for (const auto& item : module.named_parameters()) {
    if (!seen.insert(item.value().unsafeGetTensorImpl()).second) continue;
    result.names.push_back(item.key());
    result.parameters.push_back(item.value());
  }
  for (const at::Tensor& buffer : module.buffers()) {
    if (seen.insert(buffer.unsafeGetTensorImpl()).second) result.buffers.push_back(buffer);
  }
  return result;
}

}  // namespace

ModuleCore::ModuleCore(std::shared_ptr<torch::nn::Module> module, Strategy& strategy, Precision& precision)
    : module_(std::move(module)),
      precision_(precision),
      needs_entry_(strategy.needs_entry() || precision.needs_entry()) {
  const ModuleParameters list = list_once(*module_);
  parameters_ = list.parameters;
  strategy_module_ = strategy.setup_module(list);
}

Value ModuleCore::state_dict() const { return module_state_dict(*module_); }

PendingLoad ModuleCore::prepare_load(const Value& value, bool strict) const {
  return prepare_module_load(*module_, value, strict);
}

}  // namespace fabric::detail
