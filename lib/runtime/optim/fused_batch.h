#pragma once

#include <ATen/core/Tensor.h>
#include <torch/optim/optimizer.h>

#include <map>
#include <tuple>
#include <vector>

namespace fabric::optim {

/// Parameters that one call of a fused kernel steps, and what belongs to each, in the same order.
///
/// The kernels go over memory from end to end without a look at strides, and are silently wrong where those of a parameter, its
/// gradient and its state differ (LibTorch 2.11, ATen/native/FusedAdam.cpp): add() makes them equal.
struct FusedBatch {
  std::vector<at::Tensor> parameters;
  std::vector<at::Tensor> gradients;
  std::vector<at::Tensor> steps;                ///< the numbers of steps, as float32 on the device
  std::vector<std::vector<at::Tensor>> states;  ///< one list for each tensor of a parameter's state

  /// Appends a parameter with its gradient and the tensors of its state, which are replaced where their strides differ.
  /// Undefined ones are left out, of all parameters alike.
  void add(const at::Tensor& parameter, std::initializer_list<at::Tensor*> state);
  /// Copies back to parameters that the kernel could not take as they are.
  void finish() const;

 private:
  std::vector<std::pair<at::Tensor, at::Tensor>> copies_;  ///< a parameter, and what the kernel worked on
};

/// The batches of a group's parameters: by device, dtype, and what else a kernel takes only once.
using FusedKey = std::tuple<c10::DeviceType, c10::DeviceIndex, at::ScalarType, int64_t>;
using FusedBatches = std::map<FusedKey, FusedBatch>;

inline FusedKey fused_key(const at::Tensor& parameter, int64_t part) {
  return {parameter.device().type(), parameter.device().index(), parameter.scalar_type(), part};
}

/// Throws UsageError if a fused kernel cannot step `parameter`.
void check_fusable(const at::Tensor& parameter);

/// Evaluates the loss, with gradients, if there is a closure.
at::Tensor evaluate(const torch::optim::Optimizer::LossClosure& closure);

}  // namespace fabric::optim
