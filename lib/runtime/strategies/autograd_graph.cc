#include "runtime/strategies/autograd_graph.h"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include <vector>

namespace fabric {

using torch::autograd::Node;

AutogradGraph::AutogradGraph(const at::Tensor& loss) {
  std::vector<const Node*> open;
  const auto visit = [&](const Node* node) {
    if (node != nullptr && nodes_.insert(node).second) open.push_back(node);
  };
  if (loss.grad_fn()) {
    visit(loss.grad_fn().get());
  } else if (loss.requires_grad()) {
    visit(accumulator_of(loss).get());  // the loss is a parameter itself
  }
  while (!open.empty()) {
    const Node* node = open.back();
    open.pop_back();
    for (const torch::autograd::Edge& edge : node->next_edges()) visit(edge.function.get());
  }
}

bool AutogradGraph::reaches(const at::Tensor& parameter) const {
  const std::shared_ptr<Node> accumulator = accumulator_of(parameter);
  return accumulator != nullptr && nodes_.count(accumulator.get()) != 0;
}

std::shared_ptr<Node> accumulator_of(const at::Tensor& parameter) {
  return torch::autograd::impl::try_get_grad_accumulator(parameter);
}

}  // namespace fabric
