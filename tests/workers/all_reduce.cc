// Trains for a step, whatever has happened before.

#include <fabric/fabric.h>
#include <torch/torch.h>

#include <stdexcept>

int train(fabric::Fabric& fabric, const fabric::Arguments&) {
  auto model = fabric.setup_module(torch::nn::Linear(4, 1));
  fabric.backward(model(torch::ones({8, 4})).sum());
  auto sum = torch::ones({4});
  fabric.all_reduce(sum, "sum");
  if (sum.sum().item<int>() != 4 * fabric.world_size()) throw std::logic_error("the all_reduce is wrong");
  fabric.print("all ", fabric.world_size(), " ranks came to the end");
  return 0;
}
FABRIC_PROGRAM(train);
