#pragma once

#include <functional>
#include <memory>

#include "fabric/collective.h"
#include "fabric/optimizer.h"
#include "fabric/precision.h"

namespace fabric::detail {

/// What the handles of one optimizer share. All but the optimizer is borrowed from the Fabric.
class OptimizerCore {
 public:
  OptimizerCore(std::shared_ptr<torch::optim::Optimizer> optimizer, Precision& precision, Collective& collective,
                std::function<void(Optimizer&)> after_step)
      : optimizer_(std::move(optimizer)),
        precision_(precision),
        collective_(collective),
        after_step_(std::move(after_step)) {}

  torch::optim::Optimizer& optimizer() const { return *optimizer_; }
  at::Tensor step(const std::function<at::Tensor()>& closure);
  void after_step(Optimizer& handle) const { after_step_(handle); }

 private:
  at::Tensor mean_over_ranks(const at::Tensor& loss);

  std::shared_ptr<torch::optim::Optimizer> optimizer_;
  Precision& precision_;
  Collective& collective_;
  std::function<void(Optimizer&)> after_step_;
};

}  // namespace fabric::detail
