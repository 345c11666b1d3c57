#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <unordered_set>

namespace torch::autograd {
struct Node;
}

namespace fabric {

/// The nodes that a backward pass from one tensor would reach.
class AutogradGraph {
 public:
  /// Walks the graph of `loss`, without recursion: one look-up in a hash table for each edge.
  explicit AutogradGraph(const at::Tensor& loss);

  /// Returns whether the pass would accumulate a gradient in the leaf `parameter`.
  bool reaches(const at::Tensor& parameter) const;

 private:
  std::unordered_set<const torch::autograd::Node*> nodes_;
};

/// Returns the node that accumulates the gradient of the leaf `parameter`, null if no graph holds one. It changes when the
/// parameter's data are replaced by such of another dtype or device, and hooks on the former one are lost.
std::shared_ptr<torch::autograd::Node> accumulator_of(const at::Tensor& parameter);

}  // namespace fabric
