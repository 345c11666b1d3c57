#include <gmock/gmock.h>

#include <set>

#include "fabric/error.h"
#include "runtime/data/numbers.h"

namespace fabric {
namespace {

using fabric::testing::loop;
using fabric::testing::make_loader;
using ::testing::ElementsAre;

DataLoaderOptions shuffled(int num_workers = 0) {
  return {.batch_size = 2, .shuffle = true, .num_workers = num_workers};
}

/// Numbers of the epochs that are left of `count`, and of their samples.
std::vector<int64_t> run(const DataLoader<testing::Numbers>& loader, int64_t count) {
  std::vector<int64_t> result;
  for (const int64_t epoch : loader.epochs(count)) {
    result.push_back(1000 + epoch);
    const auto numbers = loop(loader, 1'000, true);
    result.insert(result.end(), numbers.begin(), numbers.end());
  }
  return result;
}

TEST(DataLoaderResumeTest, GoesOnWithTheNextBatchWhereverItStopped) {
  const auto unbroken = run(make_loader(10, shuffled()), 2);
  for (const int num_workers : {0, 3}) {
    for (int64_t batches = 1; batches <= 5; ++batches) {
      const auto stopped = make_loader(10, shuffled(num_workers));
      loop(stopped, batches);
      auto resumed = make_loader(10, shuffled(num_workers), {}, 99);
      resumed.load_state_dict(stopped.state_dict());

      const auto rest = run(resumed, 2);

      // After the last batch of epoch 0 only epoch 1 is left; before, what is left begins with epoch 0's number.
      const auto skipped = batches == 5 ? 21 : 1 + 4 * batches;
      const size_t header = batches == 5 ? 0 : 1;
      EXPECT_EQ(std::vector<int64_t>(rest.begin() + static_cast<std::ptrdiff_t>(header), rest.end()),
                std::vector<int64_t>(unbroken.begin() + skipped, unbroken.end()));
    }
  }
}

TEST(DataLoaderResumeTest, CountsWhatWasHandedOutAndNotWhatWasMadeAhead) {
  const auto loader = make_loader(100, {.batch_size = 2, .num_workers = 3, .prefetch = 4});
  auto iterator = loader.begin();
  EXPECT_EQ(loader.position(), 2);

  ++iterator;

  EXPECT_EQ(loader.position(), 4);
  EXPECT_EQ(loader.state_dict().at("position").to_int(), 4);
}

TEST(DataLoaderResumeTest, BeginsAtTheBeginningWithTheStateOfAFreshLoader) {
  auto resumed = make_loader(4, shuffled());
  resumed.load_state_dict(make_loader(4, shuffled()).state_dict());

  EXPECT_EQ(run(resumed, 2), run(make_loader(4, shuffled()), 2));
}

TEST(DataLoaderResumeTest, GivesEachSampleOnceAtAnotherNumberOfRanks) {
  std::multiset<int64_t> given;
  Value state;
  for (const int rank : {0, 1, 2}) {
    const auto loader = make_loader(30, shuffled(), {3, rank});
    const auto numbers = loop(loader, 2);
    given.insert(numbers.begin(), numbers.end());
    state = loader.state_dict();
  }

  for (const int rank : {0, 1}) {
    auto loader = make_loader(30, shuffled(), {2, rank});
    loader.load_state_dict(state);
    const auto numbers = loop(loader);
    given.insert(numbers.begin(), numbers.end());
  }

  std::multiset<int64_t> expected;
  for (int64_t number = 0; number < 30; ++number) expected.insert(number);
  EXPECT_EQ(given, expected);
}

TEST(DataLoaderResumeTest, DoesNotMoveWithALoopThatBeganBefore) {
  auto loader = make_loader(10, shuffled());
  auto running = loader.begin();
  loader.load_state_dict(Dict{{"epoch", 3}, {"position", 4}, {"epoch_size", 10}, {"seed", 1}});

  ++running;

  EXPECT_EQ(loader.epoch(), 3);
  EXPECT_EQ(loader.position(), 4);
  EXPECT_EQ(loop(loader).size(), 6);
}

TEST(DataLoaderResumeTest, RefusesAStateThatCannotBeItsOwn) {
  auto loader = make_loader(10, shuffled());

  EXPECT_THROW(loader.load_state_dict(make_loader(11, shuffled()).state_dict()), UsageError);
  EXPECT_THROW(loader.load_state_dict(Dict{{"epoch", 0}, {"position", 11}, {"epoch_size", 10}, {"seed", 1}}),
               UsageError);
  EXPECT_THROW(loader.load_state_dict(Dict{{"epoch", 0}}), UsageError);
  EXPECT_EQ(loader.epoch(), 0);
}

}  // namespace
}  // namespace fabric
