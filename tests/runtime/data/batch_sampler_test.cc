#include "fabric/batch_sampler.h"

#include <gmock/gmock.h>

#include "fabric/error.h"
#include "runtime/data/numbers.h"

namespace fabric {
namespace {

using fabric::testing::batches_of;
using fabric::testing::make_loader;
using ::testing::ElementsAre;
using Indices = std::vector<int64_t>;
using Batches = std::vector<Indices>;

/// Batches of 1, 2, ... samples, whose order turns with the epoch.
struct Growing final : BatchSampler {
  explicit Growing(Batches all) : all_batches(std::move(all)) {}
  Batches batches(int64_t epoch) const override {
    Batches turned(all_batches.begin() + epoch, all_batches.end());
    turned.insert(turned.end(), all_batches.begin(), all_batches.begin() + epoch);
    return turned;
  }
  Batches all_batches;
};

const Batches kFive = {{0}, {1, 2}, {3, 4, 5}, {6, 7}, {8}};

DataLoaderOptions with(Batches batches, Remainder remainder = Remainder::kPad, int num_workers = 0) {
  return {.remainder = remainder,
          .num_workers = num_workers,
          .batch_sampler = std::make_shared<Growing>(std::move(batches))};
}

TEST(BatchSamplerTest, CutsTheOrderOfASampler) {
  const auto order = std::make_shared<SubsetSampler>(Indices{4, 3, 2, 1, 0});

  EXPECT_THAT(ConsecutiveBatchSampler(order, 2, false).batches(0),
              ElementsAre(Indices{4, 3}, Indices{2, 1}, Indices{0}));
  EXPECT_THAT(ConsecutiveBatchSampler(order, 2, true).batches(0), ElementsAre(Indices{4, 3}, Indices{2, 1}));
  EXPECT_THAT(ConsecutiveBatchSampler(order, 5, true).batches(0), ElementsAre(Indices{4, 3, 2, 1, 0}));
  EXPECT_THROW(ConsecutiveBatchSampler(order, 0, true), UsageError);
  EXPECT_THROW(ConsecutiveBatchSampler(nullptr, 1, true), UsageError);
}

TEST(BatchSamplerTest, GivesALoaderItsBatches) {
  for (const int num_workers : {0, 2}) {
    const auto loader = make_loader(9, with(kFive, Remainder::kPad, num_workers));

    EXPECT_EQ(batches_of(loader), kFive);
    EXPECT_THAT(batches_of(loader),
                ElementsAre(Indices{1, 2}, Indices{3, 4, 5}, Indices{6, 7}, Indices{8}, Indices{0}));
    EXPECT_EQ(loader.size(), 5);
  }
}

TEST(BatchSamplerTest, DealsOutWholeBatches) {
  const auto of_rank = [](int rank, Remainder remainder) {
    return batches_of(make_loader(9, with(kFive, remainder), {2, rank}));
  };

  EXPECT_THAT(of_rank(0, Remainder::kPad), ElementsAre(Indices{0}, Indices{3, 4, 5}, Indices{8}));
  EXPECT_THAT(of_rank(1, Remainder::kPad), ElementsAre(Indices{1, 2}, Indices{6, 7}, Indices{0}));
  EXPECT_THAT(of_rank(1, Remainder::kExact), ElementsAre(Indices{1, 2}, Indices{6, 7}));
  EXPECT_THAT(of_rank(0, Remainder::kDrop), ElementsAre(Indices{0}, Indices{3, 4, 5}));
}

TEST(BatchSamplerTest, GoesOnInTheMiddleOfAnEpochAtAnotherNumberOfRanks) {
  Batches given;
  Value state;
  for (const int rank : {0, 1}) {
    const auto loader = make_loader(9, with(kFive), {2, rank});
    for (const Indices& batch : batches_of(loader, 1)) given.push_back(batch);
    state = loader.state_dict();
  }
  auto resumed = make_loader(9, with(kFive));
  resumed.load_state_dict(state);
  EXPECT_EQ(resumed.position(), 2);

  for (const Indices& batch : batches_of(resumed)) given.push_back(batch);

  EXPECT_EQ(given, kFive);
}

TEST(BatchSamplerTest, SaysWhatCannotBe) {
  EXPECT_THROW(batches_of(make_loader(8, with(kFive))), UsageError);
  EXPECT_THROW(batches_of(make_loader(8, with({{0}, {}}))), UsageError);
  DataLoaderOptions both = with(kFive);
  both.batch_size = 2;
  EXPECT_THROW(make_loader(9, both), UsageError);
}

}  // namespace
}  // namespace fabric
