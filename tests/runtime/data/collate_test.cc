#include "fabric/collate.h"

#include <gmock/gmock.h>
#include <torch/data/example.h>

#include "fabric/error.h"
#include "fabric/padding.h"

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

TEST(CollateTest, TakesTensorsThatAreNoPlainBytes) {
  const at::Tensor transposed = torch::arange(6).view({2, 3}).t();
  const at::Tensor mixed = collate<at::Tensor>({torch::ones({2}), torch::ones({2}, torch::kInt), torch::zeros({2})});

  EXPECT_TRUE(
      at::equal(collate<at::Tensor>({transposed, transposed.contiguous()}), at::stack({transposed, transposed})));
  EXPECT_EQ(mixed.scalar_type(), at::kFloat);
  EXPECT_EQ(mixed.sizes(), at::IntArrayRef({3, 2}));
  EXPECT_EQ(collate<at::Tensor>({torch::zeros({0}), torch::zeros({0})}).sizes(), at::IntArrayRef({2, 0}));
  EXPECT_TRUE(collate<at::Tensor>({torch::zeros({2}, torch::kMeta), torch::zeros({2}, torch::kMeta)}).is_meta());
  EXPECT_THROW(collate<at::Tensor>({torch::zeros({2}, torch::kMeta), torch::zeros({3}, torch::kMeta)}), UsageError);
}

TEST(CollateTest, TakesOptionalPartsThatAreInAllSamplesOrInNone) {
  using Sample = std::optional<int>;

  EXPECT_EQ((*collate<Sample>({1, 2}))[1].item<int>(), 2);
  EXPECT_FALSE(collate<Sample>({std::nullopt, std::nullopt}).has_value());
  EXPECT_THROW(collate<Sample>({1, std::nullopt}), UsageError);
  EXPECT_THROW(collate<Sample>({std::nullopt, 1}), UsageError);
}

struct Scene {
  at::Tensor image;
  std::vector<at::Tensor> masks;
};
FABRIC_TENSORS(Scene, &Scene::image, &Scene::masks)

TEST(CollateTest, TakesTypesOfNamedTensors) {
  const Scene batch =
      collate<Scene>({{torch::zeros({2}), {torch::ones({3})}}, {torch::ones({2}), {torch::zeros({3})}}});

  EXPECT_EQ(batch.image.sizes(), at::IntArrayRef({2, 2}));
  EXPECT_EQ(batch.masks.at(0).sizes(), at::IntArrayRef({2, 3}));
  EXPECT_EQ(batch.image[1][0].item<float>(), 1);
}

TEST(CollateTest, PadsWhatDiffersInLength) {
  using Sample = std::pair<Ragged, int>;
  const auto [text, label] = collate<Sample>(
      {{{torch::tensor({1, 2, 3}), -1}, 0}, {{torch::tensor({4})}, 1}, {{torch::tensor(std::vector<int64_t>())}, 2}});

  EXPECT_TRUE(at::equal(text.data, torch::tensor({{1, 2, 3}, {4, -1, -1}, {-1, -1, -1}})));
  EXPECT_TRUE(at::equal(text.lengths, torch::tensor({3, 1, 0})));
  EXPECT_EQ(label.size(0), 3);
}

TEST(CollateTest, PadsRowsOfEqualWidthAlone) {
  const PaddedBatch batch = pad({torch::ones({1, 2}), torch::ones({3, 2})}, 0.5);

  EXPECT_EQ(batch.data.sizes(), at::IntArrayRef({2, 3, 2}));
  EXPECT_EQ(batch.data[0][2][1].item<float>(), 0.5);
  EXPECT_THROW(pad({torch::ones({1, 2}), torch::ones({1, 3})}), UsageError);
  EXPECT_THROW(pad({torch::ones({1}), torch::ones({1}, torch::kLong)}), UsageError);
  EXPECT_THROW(pad({torch::tensor(1)}), UsageError);
  EXPECT_THROW(pad({}), UsageError);
}

struct Celsius {
  double degrees;
};

}  // namespace

/// As a user writes it.
template <>
struct Collate<Celsius> {
  using Batch = double;
  static double collate(const std::vector<Celsius>& samples) {
    double sum = 0;
    for (const Celsius& sample : samples) sum += sample.degrees;
    return sum;
  }
};

namespace {

TEST(CollateTest, TakesTypesThatAUserSpecialisesItFor) {
  using Sample = std::tuple<Celsius, int>;

  EXPECT_EQ(std::get<0>(collate<Sample>({{{1.5}, 0}, {{2.5}, 0}})), 4.0);
}

struct Unknown {};
static_assert(!Collatable<Unknown>);
static_assert(Collatable<std::vector<std::pair<at::Tensor, float>>>);

}  // namespace
}  // namespace fabric
