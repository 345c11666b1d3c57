#include <torch/nn/module.h>
#include <torch/optim/optimizer.h>

#include <algorithm>
#include <set>

#include "core/concat.h"
#include "fabric/fabric.h"
#include "runtime/api/fabric_core.h"
#include "runtime/api/optimizer_core.h"

namespace fabric {
namespace {

/// Forgets handles that are gone; returns whether one that is left satisfies `same`.
template <class Core, class Same>
bool is_set_up(std::vector<std::weak_ptr<Core>>& cores, Same same) {
  std::erase_if(cores, [](const std::weak_ptr<Core>& core) { return core.expired(); });
  return std::any_of(cores.begin(), cores.end(), [&same](const std::weak_ptr<Core>& core) {
    const std::shared_ptr<Core> live = core.lock();
    return live && same(*live);
  });
}

void check_parameters_differ(const torch::optim::Optimizer& optimizer) {
  std::set<const c10::TensorImpl*> seen;
  for (const torch::optim::OptimizerParamGroup& group : optimizer.param_groups()) {
    for (const at::Tensor& parameter : group.params()) {
      if (seen.insert(parameter.unsafeGetTensorImpl()).second) continue;
      throw UsageError(
          concat("an optimizer's parameters must differ, but one of shape ", parameter.sizes(),
                 " is there twice and would be stepped twice; make the optimizer over parameters() of the module that "
                 "setup_module() returned, which lists tied ones once"));
    }
  }
}

}  // namespace

std::shared_ptr<detail::ModuleCore> Fabric::make_module(std::shared_ptr<torch::nn::Module> module,
                                                        bool move_to_device) {
  if (!module) throw UsageError("a module must be there to be set up, but it is null");
  const auto same = [&module](const detail::ModuleCore& core) { return &core.module() == module.get(); };
  if (is_set_up(core_->modules, same)) {
    throw UsageError(
        concat("a module must be set up once, but this ", module->name(), " was set up before; use its first handle"));
  }
  core_->precision->convert_module(*module);
  if (move_to_device) module->to(device());
  auto core = std::make_shared<detail::ModuleCore>(std::move(module), *core_->strategy, *core_->precision);
  core_->modules.push_back(core);
  return core;
}

Optimizer Fabric::setup_optimizer(torch::optim::Optimizer& borrowed) {
  return setup_optimizer(std::shared_ptr<torch::optim::Optimizer>(&borrowed, [](torch::optim::Optimizer*) {}));
}

Optimizer Fabric::setup_optimizer(std::shared_ptr<torch::optim::Optimizer> shared) {
  if (!shared) throw UsageError("an optimizer must be there to be set up, but it is null");
  const auto same = [&shared](const detail::OptimizerCore& core) { return &core.optimizer() == shared.get(); };
  if (is_set_up(core_->optimizers, same)) {
    throw UsageError("an optimizer must be set up once, but this one was set up before; use its first handle");
  }
  check_parameters_differ(*shared);
  const auto after_step = [this](Optimizer& handle) {
    core_->has_gradients = false;
    for (const std::shared_ptr<Callback>& callback : callbacks()) callback->on_after_optimizer_step(*this, handle);
  };
  auto core = std::make_shared<detail::OptimizerCore>(std::move(shared), *core_->precision,
                                                      core_->strategy->collective(), after_step);
  core_->optimizers.push_back(core);
  return Optimizer(std::move(core));
}

void Fabric::after_setup(torch::nn::Module& module) {
  for (const std::shared_ptr<Callback>& callback : callbacks()) callback->on_after_setup(*this, module);
}

void Fabric::attach_loader(const std::shared_ptr<detail::EpochCursor>& loader) {
  core_->loaders.push_back(loader);
  core_->restore_loader(core_->loaders.size() - 1);  // it may be made after resume()
}

void Fabric::backward(const at::Tensor& loss) {
  if (!loss.defined() || loss.numel() != 1) {
    throw UsageError(concat("the loss must be a scalar, but is ",
                            loss.defined() ? concat("of shape ", loss.sizes()) : "undefined",
                            "; reduce it first, by mean() for example"));
  }
  if (!loss.requires_grad()) {
    throw UsageError(
        "the loss must depend on a parameter that requires a gradient, but does not; was it detached, or computed without "
        "gradients?");
  }
  core_->strategy->backward(core_->precision->pre_backward(loss));
  core_->has_gradients = true;
}

}  // namespace fabric
