#include "runtime/precision/precision_32_true.h"

#include <torch/optim/optimizer.h>

namespace fabric {

void Precision32True::convert_module(torch::nn::Module& /*module*/) {}

void Precision32True::unscale_gradients(torch::optim::Optimizer& /*optimizer*/) {}

at::Tensor Precision32True::optimizer_step(torch::optim::Optimizer& optimizer,
                                           const std::function<at::Tensor()>& closure) {
  return optimizer.step(closure);
}

}  // namespace fabric
