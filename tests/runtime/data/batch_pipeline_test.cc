#include "fabric/batch_pipeline.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "support/eventually.h"

namespace fabric::detail {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<void> number(int64_t value) { return std::make_shared<int64_t>(value); }

/// Makes what `make` does of the turns before `count`.
BatchPipeline::Make up_to(int64_t count, std::function<std::shared_ptr<void>(int64_t)> make = number) {
  return [=](int64_t turn, int) { return turn < count ? make(turn) : nullptr; };
}

int64_t value_of(const std::shared_ptr<void>& batch) { return *std::static_pointer_cast<int64_t>(batch); }

TEST(BatchPipelineTest, MakesBatchesOnlyWhenAskedWithoutWorkers) {
  int made = 0;
  BatchPipeline pipeline(up_to(2, [&](int64_t turn) { return ++made, number(turn); }), {.num_workers = 0});
  EXPECT_EQ(made, 0);

  EXPECT_EQ(value_of(pipeline.next()), 0);
  EXPECT_EQ(value_of(pipeline.next()), 1);
  EXPECT_EQ(pipeline.next(), nullptr);
  EXPECT_EQ(pipeline.next(), nullptr);
}

TEST(BatchPipelineTest, KeepsTheOrderWhicheverWorkerIsFirst) {
  std::atomic<bool> second_is_made = false;
  const auto make = [&](int64_t batch) {
    if (batch == 0) testing::eventually(5s, [&] { return second_is_made.load(); });
    if (batch == 1) second_is_made = true;
    return number(batch);
  };
  BatchPipeline pipeline(up_to(50, make), {.num_workers = 3});

  for (int64_t batch = 0; batch < 50; ++batch) ASSERT_EQ(value_of(pipeline.next()), batch);

  EXPECT_EQ(pipeline.next(), nullptr);
}

TEST(BatchPipelineTest, StaysWithinItsBound) {
  std::atomic<int64_t> most = -1;
  const auto make = [&](int64_t batch) {
    int64_t before = most.load();
    while (batch > before && !most.compare_exchange_weak(before, batch)) {
    }
    return number(batch);
  };
  BatchPipeline pipeline(up_to(1000, make), {.num_workers = 2, .prefetch = 3});

  for (int64_t batch = 0; batch < 100; ++batch) {
    EXPECT_LT(most.load(), batch + 6);
    pipeline.next();
  }
}

TEST(BatchPipelineTest, HandsOverAnExceptionInItsTurnAndGoesOn) {
  const auto make = [](int64_t batch) -> std::shared_ptr<void> {
    if (batch == 1) throw std::out_of_range("no such sample");
    return number(batch);
  };
  for (const int num_workers : {0, 2}) {
    BatchPipeline pipeline(up_to(3, make), {.num_workers = num_workers});

    EXPECT_EQ(value_of(pipeline.next()), 0);
    EXPECT_THROW(pipeline.next(), std::out_of_range);
    EXPECT_EQ(value_of(pipeline.next()), 2);
  }
}

TEST(BatchPipelineTest, EndsEarlyWithBatchesInFlight) {
  for (int i = 0; i < 20; ++i) {
    BatchPipeline pipeline(up_to(1'000'000), {.num_workers = 3, .prefetch = 4});

    pipeline.next();
  }
}

TEST(BatchPipelineTest, MakesBatchesWithoutGradients) {
  std::atomic<int> with_gradients = 0;
  const auto make = [&](int64_t batch) {
    if (c10::GradMode::is_enabled()) ++with_gradients;
    return number(batch);
  };
  for (const int num_workers : {0, 2}) {
    BatchPipeline pipeline(up_to(8, make), {.num_workers = num_workers});
    while (pipeline.next() != nullptr) {
    }
  }

  EXPECT_EQ(with_gradients, 0);
  EXPECT_TRUE(c10::GradMode::is_enabled());
}

TEST(BatchPipelineTest, LeavesTheTrainersThreadsAlone) {
  const int before = at::get_num_threads();
  std::mutex mutex;
  std::set<int> in_workers;
  const auto make = [&](int64_t batch) {
    const std::lock_guard lock(mutex);
    in_workers.insert(at::get_num_threads());
    return number(batch);
  };
  BatchPipeline pipeline(up_to(8, make), {.num_workers = 2});
  while (pipeline.next() != nullptr) {
  }

  EXPECT_EQ(in_workers, std::set<int>({1}));
  EXPECT_EQ(at::get_num_threads(), before);
}

/// A worker's own batches: 100 * worker + how many it made before, as many as `counts` says of each worker.
class Streams {
 public:
  explicit Streams(std::vector<int64_t> counts) : counts_(std::move(counts)), made_(counts_.size()) {}
  std::shared_ptr<void> operator()(int worker) {
    const auto i = static_cast<size_t>(worker);
    return made_[i] < counts_[i] ? number(100 * worker + made_[i]++) : nullptr;
  }

 private:
  std::vector<int64_t> counts_;
  std::vector<int64_t> made_;  // each worker its own
};

std::vector<int64_t> in_turn(std::vector<int64_t> counts, int64_t first_turn = 0) {
  const int num_workers = static_cast<int>(counts.size());
  Streams streams(std::move(counts));
  BatchPipeline pipeline([&](int64_t, int worker) { return streams(worker); },
                         {.num_workers = num_workers, .fixed_turns = true, .first_turn = first_turn});
  std::vector<int64_t> taken;
  while (const auto batch = pipeline.next()) taken.push_back(value_of(batch));
  return taken;
}

TEST(BatchPipelineTest, TakesFixedTurnsAndPassesOverWorkersThatHaveEnded) {
  EXPECT_THAT(in_turn({3, 1, 2}), ::testing::ElementsAre(0, 100, 200, 1, 201, 2));
  EXPECT_THAT(in_turn({0, 4}), ::testing::ElementsAre(100, 101, 102, 103));
  EXPECT_THAT(in_turn({1, 2, 1}, 2), ::testing::ElementsAre(200, 0, 100, 101));
  EXPECT_THAT(in_turn({0, 0, 0}), ::testing::ElementsAre());
}

TEST(BatchPipelineTest, TakesFixedTurnsForLong) { EXPECT_EQ(in_turn({500, 1, 2000}).size(), 2501U); }

TEST(BatchPipelineTest, GoesOnWithAWorkerWhoseTurnFailed) {
  for (const int num_workers : {0, 1}) {
    int64_t calls = 0;
    const auto make = [&](int64_t, int) -> std::shared_ptr<void> {
      if (++calls == 2) throw std::out_of_range("no such sample");
      return calls < 4 ? number(calls) : nullptr;
    };
    BatchPipeline pipeline(make, {.num_workers = num_workers, .fixed_turns = true});

    EXPECT_EQ(value_of(pipeline.next()), 1);
    EXPECT_THROW(pipeline.next(), std::out_of_range);
    EXPECT_EQ(value_of(pipeline.next()), 3);
    EXPECT_EQ(pipeline.next(), nullptr);
  }
}

}  // namespace
}  // namespace fabric::detail
