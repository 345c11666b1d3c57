#pragma once

#include "fabric/export.h"

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
};

}  // namespace fabric
