#include "runtime/strategies/autograd_graph.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace fabric {
namespace {

TEST(AutogradGraphTest, ReachesWhatTheLossWasComputedFrom) {
  const at::Tensor used = torch::ones({2}, torch::requires_grad());
  const at::Tensor unused = torch::ones({2}, torch::requires_grad());
  const at::Tensor other_loss = unused.sum();
  const at::Tensor loss = (used * 2).sum();

  const AutogradGraph graph(loss);

  EXPECT_TRUE(graph.reaches(used));
  EXPECT_FALSE(graph.reaches(unused));
}

TEST(AutogradGraphTest, DoesNotReachThroughDetach) {
  const at::Tensor first = torch::ones({2}, torch::requires_grad());
  const at::Tensor second = torch::ones({2}, torch::requires_grad());
  const at::Tensor loss = ((first * 2).detach() * second).sum();

  const AutogradGraph graph(loss);

  EXPECT_FALSE(graph.reaches(first));
  EXPECT_TRUE(graph.reaches(second));
}

TEST(AutogradGraphTest, ReachesNothingFromAConstant) {
  const at::Tensor parameter = torch::ones({2}, torch::requires_grad());

  EXPECT_FALSE(AutogradGraph(torch::ones({})).reaches(parameter));
}

TEST(AutogradGraphTest, WalksLongChainsWithoutRecursion) {
  const at::Tensor parameter = torch::zeros({1}, torch::requires_grad());
  at::Tensor value = parameter;
  for (int i = 0; i < 50'000; ++i) value = value + 1;

  EXPECT_TRUE(AutogradGraph(value).reaches(parameter));
}

}  // namespace
}  // namespace fabric
