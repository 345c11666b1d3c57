#include <fabric/tensor_tree.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

namespace market {

struct Order {
  at::Tensor price;
  std::map<std::string, at::Tensor> parts;
  int count = 0;
};
FABRIC_TENSORS(Order, &Order::price, &Order::parts)

}  // namespace market

namespace fabric {
namespace {

/// Adds one to each tensor of the tree and returns how many there were.
template <TensorTree T>
int increment(T& tree) {
  int count = 0;
  const auto add_one = [&count](at::Tensor& tensor) {
    tensor = tensor + 1;
    ++count;
  };
  visit_tensors(tree, TensorVisitor(add_one));
  return count;
}

TEST(TensorTreeTest, VisitsEachTensorOfNestedContainersInOrder) {
  std::tuple<at::Tensor, std::vector<at::Tensor>, int, std::optional<at::Tensor>> tree{
      torch::zeros(1), {torch::ones(1), torch::ones(1) * 2}, 7, std::nullopt};

  const int count = increment(tree);

  EXPECT_EQ(count, 3);
  EXPECT_EQ(std::get<0>(tree).item<float>(), 1);
  EXPECT_EQ(std::get<1>(tree)[1].item<float>(), 3);
  EXPECT_EQ(std::get<2>(tree), 7);
}

TEST(TensorTreeTest, VisitsTheNamedMembersOfAType) {
  std::vector<market::Order> orders{{.price = torch::zeros(1), .parts = {{"a", torch::ones(1)}}, .count = 3}};

  const int count = increment(orders);

  EXPECT_EQ(count, 2);
  EXPECT_EQ(orders[0].parts["a"].item<float>(), 2);
  EXPECT_EQ(orders[0].count, 3);
}

TEST(TensorTreeTest, VisitsExamplesOfTorch) {
  torch::data::Example<> example(torch::zeros(1), torch::ones(1));

  EXPECT_EQ(increment(example), 2);
  EXPECT_EQ(example.target.item<float>(), 2);
}

}  // namespace
}  // namespace fabric
