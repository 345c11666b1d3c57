#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <functional>
#include <memory>
#include <utility>

#include "fabric/export.h"
#include "fabric/pending_load.h"
#include "fabric/value.h"

namespace torch::optim {
class Optimizer;
}

namespace fabric {

class Fabric;

/// LibTorch's optimizers and the user's own classes derived from torch::optim::Optimizer.
template <class T>
concept TorchOptimizer = std::derived_from<T, torch::optim::Optimizer>;

namespace detail {
class OptimizerCore;
}

/// An optimizer that was set up. A handle: copies share the optimizer, which never moves, so that LibTorch's schedulers may
/// refer to it. It must not outlive the Fabric that made it.
class FABRIC_API Optimizer {
 public:
  /// Makes one step; then calls on_after_optimizer_step of the callbacks. Returns an undefined tensor.
  at::Tensor step();
  /// As step(), for optimizers that evaluate the loss themselves, as LBFGS does. What `closure` returns is averaged over the
  /// ranks, so that all of them search alike: collective. Returns the loss.
  at::Tensor step(const std::function<at::Tensor()>& closure);
  /// Drops the gradients, or fills them with zeros where `set_to_none` is false.
  void zero_grad(bool set_to_none = true);

  /// Returns the learning rate of the first parameter group.
  double lr() const;
  /// Sets the learning rate of all parameter groups.
  void set_lr(double lr);

  /// Gives access to LibTorch's optimizer, for schedulers and settings.
  torch::optim::Optimizer& get() const;
  operator torch::optim::Optimizer&() const { return get(); }  // NOLINT: implicit, so that schedulers take the handle
  torch::optim::Optimizer* operator->() const { return &get(); }

  /// Returns state and parameter groups in the layout of Python's optimizers. The tensors are shared. For SGD, Adam, AdamW,
  /// RMSprop, Adagrad and LBFGS, Fabric's or LibTorch's; throws UsageError for other classes.
  Value state_dict() const;
  /// Takes what state_dict() returned here or in Python, options included; the tensors are copied to the parameters' devices.
  /// Nothing changes unless all fits. Throws UsageError that says what does not.
  void load_state_dict(const Value& value) { prepare_load(value).apply(); }
  /// Checks what load_state_dict() would, and returns what it would then do.
  PendingLoad prepare_load(const Value& value) const;

 private:
  friend class Fabric;
  explicit Optimizer(std::shared_ptr<detail::OptimizerCore> core) : core_(std::move(core)) {}

  std::shared_ptr<detail::OptimizerCore> core_;
};

}  // namespace fabric
