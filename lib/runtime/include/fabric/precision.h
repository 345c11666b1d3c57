#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>

#include "fabric/export.h"
#include "fabric/value.h"

namespace torch::nn {
class Module;
}
namespace torch::optim {
class Optimizer;
}

namespace fabric {

/// What a scope of a precision changes (autocast, default dtype); its destructor restores it, on exceptions too.
class FABRIC_API PrecisionScope {
 public:
  virtual ~PrecisionScope();
};

/// In which types parameters live, inputs arrive, operators compute and outputs leave.
class FABRIC_API Precision {
 public:
  virtual ~Precision();

  /// Returns the registry's name: "32-true".
  virtual std::string name() const = 0;
  /// Converts parameters and buffers of `module` in place, as the precision wants them. Before the move to the device.
  virtual void convert_module(torch::nn::Module& module) = 0;
  /// Returns a tensor argument of forward as the precision wants it; tensors that are not floating stay as they are.
  virtual at::Tensor convert_input(const at::Tensor& input) = 0;
  /// Returns a tensor result of forward as the caller gets it.
  virtual at::Tensor convert_output(const at::Tensor& output) = 0;
  /// Returns the scope in which forward runs; null where nothing changes.
  virtual std::unique_ptr<PrecisionScope> forward_scope() = 0;
  /// Returns the scope in which modules are constructed; null where nothing changes.
  virtual std::unique_ptr<PrecisionScope> init_scope() = 0;
  /// Returns what backward() is called on: the loss, scaled where the precision scales.
  virtual at::Tensor pre_backward(const at::Tensor& loss) = 0;
  /// Makes the gradients of `optimizer` true ones again before they are clipped; once per step.
  virtual void unscale_gradients(torch::optim::Optimizer& optimizer) = 0;
  /// Runs `step` of `optimizer`, or skips it where the gradients are not finite and the precision says so.
  virtual at::Tensor optimizer_step(torch::optim::Optimizer& optimizer, const std::function<at::Tensor()>& closure) = 0;
  /// Returns whether a model must be called through its Module handle, so that inputs and operators are converted.
  virtual bool needs_entry() const = 0;
  /// Returns what a checkpoint keeps of the precision, such as the scale of losses; None, unless overridden.
  virtual Value state_dict() const;
  /// Takes what state_dict() of the same precision returned. Does nothing unless overridden.
  virtual void load_state_dict(const Value& state);
};

}  // namespace fabric
