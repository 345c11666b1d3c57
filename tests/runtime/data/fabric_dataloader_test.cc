// What setup_dataloader() and progress() of a Fabric take and give.
#include <gmock/gmock.h>
#include <torch/data/datasets/base.h>
#include <torch/data/datasets/map.h>
#include <torch/data/transforms/stack.h>

#include "runtime/api/single_rank.h"
#include "runtime/data/numbers.h"

namespace fabric {
namespace {

struct TenOfLibTorch : torch::data::datasets::Dataset<TenOfLibTorch> {
  torch::data::Example<> get(size_t index) override {
    return {at::full({1}, static_cast<int64_t>(index)), at::full({1}, static_cast<int64_t>(index))};
  }
  std::optional<size_t> size() const override { return 10; }
};

struct TenInAStream {
  struct Stream {
    int64_t number = 0;
    std::optional<int64_t> next() { return number < 10 ? std::optional(number++) : std::nullopt; }
  };
  StridedStream<Stream> stream(const StreamContext& context) const { return {Stream{}, context}; }
};

TEST(FabricDataloaderTest, TakesDatasetsOfAllKinds) {
  SingleRank rank;
  const DataLoaderOptions options{.batch_size = 4};
  auto [numbers, of_libtorch, streamed] = rank.fabric.setup_dataloaders(
      options, testing::Numbers{10}, TenOfLibTorch().map(torch::data::transforms::Stack<>()), TenInAStream{});

  EXPECT_EQ(testing::loop(numbers).size(), 10U);
  EXPECT_EQ(of_libtorch.begin()->data.sizes(), at::IntArrayRef({4, 1}));
  EXPECT_EQ(testing::to_vector(*streamed.begin()), std::vector<int64_t>({0, 1, 2, 3}));
}

TEST(FabricDataloaderTest, OrdersByTheSeedThatWasGivenBefore) {
  SingleRank rank;
  rank.fabric.seed_everything(0);
  const auto loader = rank.fabric.setup_dataloader(testing::Numbers{10}, {.batch_size = 3, .shuffle = true});
  rank.fabric.seed_everything(9);

  EXPECT_EQ(testing::loop(loader), RandomSampler(10, 0).order(0));
}

TEST(FabricDataloaderTest, LoopsWithProgress) {
  SingleRank rank;
  const auto loader = rank.fabric.setup_dataloader(testing::Numbers{10}, {.batch_size = 4});
  int64_t samples = 0;
  for (const int64_t epoch : loader.epochs(2)) {
    for (auto& [numbers, drawn] : rank.fabric.progress(loader)) samples += numbers.numel();
    EXPECT_EQ(loader.epoch(), epoch);
  }

  EXPECT_EQ(samples, 20);
}

TEST(FabricDataloaderTest, ResumesAStreamFromACheckpoint) {
  SingleRank rank;
  auto stopped = rank.fabric.setup_dataloader(TenInAStream{}, {.batch_size = 3});
  for ([[maybe_unused]] auto& batch : stopped) break;
  State state{{"loader", stopped}};
  const std::string path = rank.fabric.save("stream.ckpt", state);

  auto resumed = rank.fabric.setup_dataloader(TenInAStream{}, {.batch_size = 3});
  State loaded{{"loader", resumed}};
  rank.fabric.load(path, loaded);

  EXPECT_EQ(testing::to_vector(*resumed.begin()), std::vector<int64_t>({3, 4, 5}));
}

}  // namespace
}  // namespace fabric
