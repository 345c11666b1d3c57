#pragma once

#include "fabric/precision.h"

namespace fabric {

/// What LibTorch does by itself: parameters, inputs and operators keep the types that the program gave them.
class Precision32True final : public Precision {
 public:
  std::string name() const override { return "32-true"; }
  void convert_module(torch::nn::Module& module) override;
  at::Tensor convert_input(const at::Tensor& input) override { return input; }
  at::Tensor convert_output(const at::Tensor& output) override { return output; }
  std::unique_ptr<PrecisionScope> forward_scope() override { return nullptr; }
  std::unique_ptr<PrecisionScope> init_scope() override { return nullptr; }
  at::Tensor pre_backward(const at::Tensor& loss) override { return loss; }
  void unscale_gradients(torch::optim::Optimizer& optimizer) override;
  at::Tensor optimizer_step(torch::optim::Optimizer& optimizer, const std::function<at::Tensor()>& closure) override;
  bool needs_entry() const override { return false; }
};

}  // namespace fabric
