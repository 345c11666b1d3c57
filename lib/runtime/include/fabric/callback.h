#pragma once

#include "fabric/export.h"
#include "fabric/value.h"

namespace torch::nn {
class Module;
}

namespace fabric {

class Fabric;
class Optimizer;

/// Base of callbacks. Fabric calls the hooks below itself; a class derived from it may declare any others, which
/// `fabric.call(&MyCallback::on_epoch_end, ...)` calls on every registered callback that is a MyCallback.
class FABRIC_API Callback {
 public:
  virtual ~Callback();
  /// After setup() has made `module` ready.
  virtual void on_after_setup(Fabric& fabric, torch::nn::Module& module);
  /// After a step of `optimizer`.
  virtual void on_after_optimizer_step(Fabric& fabric, Optimizer& optimizer);
  /// Returns what a checkpoint keeps of the callback, without being asked; None, unless overridden. Rank 0's is saved, and all
  /// ranks load it; callbacks are told apart by their order.
  virtual Value state_dict() const;
  /// Takes what state_dict() returned, unless that was None. Does nothing unless overridden.
  virtual void load_state_dict(const Value& state);
};

}  // namespace fabric
