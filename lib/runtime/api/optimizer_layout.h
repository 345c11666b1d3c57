#pragma once

#include <torch/optim/optimizer.h>

#include <memory>
#include <vector>

#include "fabric/value.h"

namespace fabric {

/// How one class of optimizers is written as Python writes it: the names and order of options and of a parameter's state.
struct OptimizerLayout {
  /// Returns the options of a parameter group, without "params".
  Dict (*save_options)(const torch::optim::OptimizerOptions& options);
  /// Sets in `options` what `group` says. Throws UsageError for what C++ cannot do.
  void (*load_options)(torch::optim::OptimizerOptions& options, const Value& group);
  Dict (*save_state)(const torch::optim::OptimizerParamState& state);
  /// Throws UsageError unless `state` fits the parameter `index` of a group's `parameters`.
  void (*check_state)(const Value& state, const std::vector<at::Tensor>& parameters, size_t index);
  /// Returns the state of `parameter`, which was checked, in the memory of the `old` one as far as it fits; null if it has none.
  std::unique_ptr<torch::optim::OptimizerParamState> (*load_state)(
      const Value& state, const at::Tensor& parameter, std::unique_ptr<torch::optim::OptimizerParamState> old);
};

/// Returns the layout of the optimizer's class: SGD, Adam, AdamW, RMSprop, Adagrad, LBFGS. Throws UsageError for others.
OptimizerLayout optimizer_layout(const torch::optim::Optimizer& optimizer);

}  // namespace fabric
