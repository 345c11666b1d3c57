#include "fabric/data_loader.h"

#include <gmock/gmock.h>

#include <stdexcept>

#include "fabric/error.h"
#include "runtime/data/numbers.h"

namespace fabric {
namespace {

using fabric::testing::loop;
using fabric::testing::make_loader;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string error_of(const DataLoaderOptions& options, Strategy::DataShare share = {}) {
  try {
    make_loader(10, options, share);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(DataLoaderTest, GivesBatchesOfTheDataset) {
  const auto loader = make_loader(5, {.batch_size = 2});
  std::vector<int64_t> sizes;
  for (auto& [numbers, drawn] : loader) sizes.push_back(numbers.numel());

  EXPECT_THAT(sizes, ElementsAre(2, 2, 1));
  EXPECT_EQ(loader.size(), 3);
}

TEST(DataLoaderTest, ShufflesAsPythonsSamplerDoes) {
  const auto loader = make_loader(10, {.batch_size = 3, .shuffle = true}, {}, 0);

  EXPECT_THAT(loop(loader), ElementsAre(4, 1, 7, 5, 3, 9, 0, 8, 6, 2));
  EXPECT_EQ(loop(loader), RandomSampler(10, 0).order(1));
}

TEST(DataLoaderTest, DividesTheGlobalBatchAmongTheRanks) {
  std::vector<int64_t> first_batches;
  for (const int rank : {0, 1}) {
    const auto loader = make_loader(100, {.global_batch_size = 8}, {2, rank});
    const auto batch = loop(loader, 1);
    first_batches.insert(first_batches.end(), batch.begin(), batch.end());
    EXPECT_EQ(loader.size(), 13);
  }

  EXPECT_THAT(first_batches, ElementsAre(0, 2, 4, 6, 1, 3, 5, 7));
}

TEST(DataLoaderTest, SaysWhichOptionMustBeDifferent) {
  EXPECT_THAT(error_of({}), HasSubstr("exactly one of batch_size and global_batch_size"));
  EXPECT_THAT(error_of({.batch_size = 1, .global_batch_size = 1}), HasSubstr("exactly one"));
  EXPECT_THAT(error_of({.global_batch_size = 64}, {3, 0}),
              HasSubstr("a multiple of the 3 ranks, but is 64; choose 66"));
  EXPECT_THAT(error_of({.batch_size = 1, .num_workers = -1}), HasSubstr("num_workers"));
  EXPECT_THAT(error_of({.batch_size = 1, .shuffle = true, .sampler = std::make_shared<SequentialSampler>(1)}),
              HasSubstr("exclude each other"));
}

TEST(DataLoaderTest, CountsTheBatchesThatItGives) {
  for (const auto remainder : {Remainder::kPad, Remainder::kDrop, Remainder::kExact}) {
    for (const size_t count : {0U, 1U, 6U, 7U, 8U, 9U}) {
      for (const int rank : {0, 1}) {
        const auto loader = make_loader(count, {.batch_size = 2, .remainder = remainder}, {2, rank});
        int64_t batches = 0;
        for ([[maybe_unused]] auto& batch : loader) ++batches;
        EXPECT_EQ(loader.size(), batches) << count << " samples, remainder " << static_cast<int>(remainder);
      }
    }
  }
}

TEST(DataLoaderTest, GivesTheSameDataWhateverTheNumberOfWorkers) {
  const auto data = [](int num_workers) {
    const auto loader = make_loader(101, {.batch_size = 4, .shuffle = true, .num_workers = num_workers});
    auto both_epochs = loop(loader, 1'000, true);
    const auto second = loop(loader, 1'000, true);
    both_epochs.insert(both_epochs.end(), second.begin(), second.end());
    return both_epochs;
  };

  EXPECT_EQ(data(0), data(1));
  EXPECT_EQ(data(0), data(3));
}

TEST(DataLoaderTest, DrawsAnewForEachSampleAndEpoch) {
  const auto loader = make_loader(2, {.batch_size = 2});
  const auto first = loop(loader, 10, true);
  const auto second = loop(loader, 10, true);

  EXPECT_NE(first[1], first[3]);
  EXPECT_NE(first[1], second[1]);
}

TEST(DataLoaderTest, BeginsTheNextEpochAfterALoopThatWasLeft) {
  const auto loader = make_loader(20, {.batch_size = 2, .shuffle = true, .num_workers = 2});

  loop(loader, 3);

  EXPECT_EQ(loader.epoch(), 0);
  EXPECT_EQ(loader.position(), 6);
  EXPECT_EQ(loop(loader), RandomSampler(20, 1).order(1));
  EXPECT_EQ(loader.epoch(), 1);
}

TEST(DataLoaderTest, RunsTwoLoopsAtOnce) {
  const auto loader = make_loader(6, {.batch_size = 2, .num_workers = 1});
  std::vector<int64_t> inner;
  int64_t outer = 0;
  for (auto& batch : loader) {
    outer += batch.first.numel();
    if (outer == 2) inner = loop(loader);
  }

  EXPECT_EQ(outer, 6);
  EXPECT_THAT(inner, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(loader.epoch(), 1);
}

TEST(DataLoaderTest, StaysAtItsEnd) {
  for (const int num_workers : {0, 2}) {
    const auto loader = make_loader(3, {.batch_size = 2, .num_workers = num_workers});
    auto iterator = loader.begin();
    ++iterator;
    for (int i = 0; i < 3; ++i) {
      ++iterator;
      EXPECT_TRUE(iterator == loader.end());
    }
    EXPECT_EQ(loader.position(), 3);
    EXPECT_EQ(loop(loader).size(), 3U);
    EXPECT_EQ(loader.epoch(), 1);
  }
}

TEST(DataLoaderTest, OwnsTheEpochs) {
  const auto loader = make_loader(4, {.batch_size = 4, .shuffle = true});
  std::vector<int64_t> epochs;
  for (const int64_t epoch : loader.epochs(3)) {
    epochs.push_back(epoch);
    EXPECT_EQ(loop(loader), RandomSampler(4, 1).order(epoch));
    EXPECT_EQ(loop(loader), RandomSampler(4, 1).order(epoch));  // a second loop is in the same epoch
  }

  EXPECT_THAT(epochs, ElementsAre(0, 1, 2));
  EXPECT_EQ(loader.epochs(3).begin() == loader.epochs(3).end(), true);
}

TEST(DataLoaderTest, GoesOnWithTheNextEpochAfterEpochsWereLeft) {
  const auto loader = make_loader(4, {.batch_size = 2});
  for ([[maybe_unused]] const int64_t epoch : loader.epochs(5)) {
    loop(loader, 1);
    break;
  }

  EXPECT_EQ(*loader.epochs(5).begin(), 1);
}

TEST(DataLoaderTest, TakesASamplerOfOnesOwn) {
  struct Backwards : Sampler {
    int64_t size() const override { return 3; }
    std::vector<int64_t> order(int64_t) const override { return {9, 5, 0}; }
  };

  EXPECT_THAT(loop(make_loader(10, {.batch_size = 2, .sampler = std::make_shared<Backwards>()})), ElementsAre(9, 5, 0));
  EXPECT_THROW(loop(make_loader(9, {.batch_size = 2, .sampler = std::make_shared<Backwards>()})), UsageError);
}

struct Failing {
  size_t size() const { return 4; }
  int get(size_t index) const { return index == 3 ? throw std::out_of_range("sample 3") : static_cast<int>(index); }
};

TEST(DataLoaderTest, ThrowsWhatTheDatasetThrew) {
  for (const int num_workers : {0, 2}) {
    const DataLoader<Failing> loader({}, {.batch_size = 1, .num_workers = num_workers}, {}, c10::Device("cpu"), 0);
    int64_t batches = 0;

    EXPECT_THROW(for ([[maybe_unused]] auto& batch : loader)++ batches, std::out_of_range);

    EXPECT_EQ(batches, 3);
  }
}

struct Words {
  size_t size() const { return 3; }
  std::string get(size_t index) const { return std::string(index, 'x'); }
  std::string collate(const std::vector<std::string>& words) const { return words.at(0) + "," + words.at(1); }
};

TEST(DataLoaderTest, LetsTheDatasetCollate) {
  const DataLoader<Words> loader({}, {.batch_size = 2, .remainder = Remainder::kDrop}, {}, c10::Device("cpu"), 0);

  EXPECT_EQ(*loader.begin(), ",x");
}

TEST(DataLoaderTest, CallsTheHookBeforeEachBatchOfALoopThatTrains) {
  auto loader = make_loader(6, {.batch_size = 2, .num_workers = 1});
  std::vector<int64_t> positions;
  loader.set_before_batch([&positions, &loader] { positions.push_back(loader.position()); });

  EXPECT_EQ(loop(loader).size(), 6U);

  EXPECT_THAT(positions, ElementsAre(0, 2, 4));
  {
    const c10::NoGradGuard evaluation;
    loop(loader);
  }
  auto exact = make_loader(6, {.batch_size = 2, .remainder = Remainder::kExact});
  exact.set_before_batch([&positions] { positions.push_back(-1); });
  loop(exact);
  EXPECT_EQ(positions.size(), 3U);
}

TEST(DataLoaderTest, HandsOutNothingWhereTheHookThrows) {
  struct Halt {};
  auto loader = make_loader(6, {.batch_size = 2, .shuffle = true, .num_workers = 1});
  int calls = 0;
  loader.set_before_batch([&calls] { return ++calls == 2 ? throw Halt() : void(); });

  EXPECT_THROW(loop(loader), Halt);

  EXPECT_EQ(loader.position(), 2);
  auto resumed = make_loader(6, {.batch_size = 2, .shuffle = true});
  resumed.load_state_dict(loader.state_dict());
  const auto whole = RandomSampler(6, 1).order(0);
  EXPECT_EQ(loop(resumed), std::vector<int64_t>(whole.begin() + 2, whole.end()));
}

TEST(DataLoaderTest, MovesBatchesToTheDevice) {
  const DataLoader<testing::Numbers> loader({4}, {.batch_size = 2}, {}, c10::Device("meta"), 0);
  const auto batch = loader.begin();

  EXPECT_TRUE(batch->first.is_meta());
  EXPECT_TRUE(batch->second.is_meta());
}

}  // namespace
}  // namespace fabric
