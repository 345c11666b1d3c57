#pragma once

#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include "fabric/export.h"

// Declared, not included: a program that makes one includes <torch/torch.h> or <torch/optim.h>, which cost seconds.
namespace torch::optim {
class Adagrad;
class LBFGS;
class RMSprop;
struct AdagradOptions;
struct LBFGSOptions;
struct RMSpropOptions;
}  // namespace torch::optim

/// The optimizers that Fabric stands for, under one name whether they are LibTorch's or its own.
namespace fabric::optim {
using torch::optim::Adagrad;
using torch::optim::AdagradOptions;
using torch::optim::AdamOptions;
using torch::optim::AdamWOptions;
using torch::optim::LBFGS;
using torch::optim::LBFGSOptions;
using torch::optim::RMSprop;
using torch::optim::RMSpropOptions;
using torch::optim::SGDOptions;

// Fused: one kernel steps all parameters of a group that share device and dtype, and gives bit for bit what Python's optimizers
// do with fused=True. Options, state and its layout in checkpoints are those of LibTorch's classes, so that either loads what
// the other saved. Parameters must be dense floating-point tensors; step() throws UsageError for others, and for sparse
// gradients. A gradient or a state whose strides differ from the parameter's is copied first, the latter once.

/// Adam with decoupled weight decay.
class FABRIC_API AdamW final : public torch::optim::AdamW {
 public:
  using torch::optim::AdamW::AdamW;
  at::Tensor step(LossClosure closure = nullptr) override;
};

/// Adam; its weight decay is part of the gradient.
class FABRIC_API Adam final : public torch::optim::Adam {
 public:
  using torch::optim::Adam::Adam;
  at::Tensor step(LossClosure closure = nullptr) override;
};

/// Stochastic gradient descent, with momentum or without.
class FABRIC_API SGD final : public torch::optim::SGD {
 public:
  using torch::optim::SGD::SGD;
  at::Tensor step(LossClosure closure = nullptr) override;
};

}  // namespace fabric::optim
