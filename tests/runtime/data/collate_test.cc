#include "fabric/collate.h"

#include <gmock/gmock.h>
#include <torch/data/example.h>

#include "fabric/error.h"

namespace fabric {
namespace {

using ::testing::ElementsAre;

template <class Sample>
auto collate(std::vector<Sample> samples) {
  return Collate<Sample>::collate(std::move(samples));
}

TEST(CollateTest, StacksTensors) {
  const at::Tensor batch = collate<at::Tensor>({torch::zeros({2}), torch::ones({2})});

  EXPECT_EQ(batch.sizes(), at::IntArrayRef({2, 2}));
  EXPECT_EQ(batch[1][0].item<float>(), 1);
}

TEST(CollateTest, NamesBothShapesWhereTheyDiffer) {
  try {
    collate<at::Tensor>({torch::zeros({2}), torch::ones({3})});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("one shape (here [2] and [3])"));
  }
}

TEST(CollateTest, MakesIntegersInt64AndLeavesOtherNumbers) {
  EXPECT_EQ(collate<int>({1, 2}).scalar_type(), at::kLong);
  EXPECT_EQ(collate<uint8_t>({1, 255})[1].item<int64_t>(), 255);
  EXPECT_EQ(collate<bool>({true, false}).scalar_type(), at::kBool);
  EXPECT_EQ(collate<float>({1, 2}).scalar_type(), at::kFloat);
  EXPECT_EQ(collate<double>({1, 2}).scalar_type(), at::kDouble);
}

TEST(CollateTest, KeepsTheStructureOfSamples) {
  using Sample = std::tuple<at::Tensor, std::pair<int, std::string>>;
  const auto [images, rest] = collate<Sample>({{torch::zeros({2}), {1, "a"}}, {torch::ones({2}), {2, "b"}}});

  EXPECT_EQ(images.sizes(), at::IntArrayRef({2, 2}));
  EXPECT_EQ(rest.first[1].item<int>(), 2);
  EXPECT_THAT(rest.second, ElementsAre("a", "b"));
}

TEST(CollateTest, TransposesArraysAndVectors) {
  const auto array = collate<std::array<int, 2>>({{1, 2}, {3, 4}, {5, 6}});
  const auto vector = collate<std::vector<int>>({{1, 2}, {3, 4}, {5, 6}});

  EXPECT_EQ(array[1].sizes(), at::IntArrayRef({3}));
  EXPECT_TRUE(at::equal(array[1], vector[1]));
  EXPECT_EQ(vector[0][2].item<int>(), 5);
  EXPECT_THROW(collate<std::vector<int>>({{1, 2}, {3}}), UsageError);
}

TEST(CollateTest, TakesMapsWithTheSameKeys) {
  using Sample = std::map<std::string, int>;

  EXPECT_EQ(collate<Sample>({{{"x", 1}, {"y", 2}}, {{"x", 3}, {"y", 4}}}).at("y")[1].item<int>(), 4);
  EXPECT_THROW(collate<Sample>({{{"x", 1}}, {{"y", 2}}}), UsageError);
}

TEST(CollateTest, TakesLibTorchsExamples) {
  using Sample = torch::data::Example<at::Tensor, at::Tensor>;
  const auto batch = collate<Sample>({{torch::zeros({3}), torch::tensor(1)}, {torch::ones({3}), torch::tensor(2)}});

  EXPECT_EQ(batch.data.sizes(), at::IntArrayRef({2, 3}));
  EXPECT_EQ(batch.target.sizes(), at::IntArrayRef({2}));
}

struct Unknown {};
static_assert(!Collatable<Unknown>);
static_assert(Collatable<std::vector<std::pair<at::Tensor, float>>>);

}  // namespace
}  // namespace fabric
