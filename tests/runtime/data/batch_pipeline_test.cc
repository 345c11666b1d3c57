#include "fabric/batch_pipeline.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "support/eventually.h"

namespace fabric::detail {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<void> number(int64_t value) { return std::make_shared<int64_t>(value); }

int64_t value_of(const std::shared_ptr<void>& batch) { return *std::static_pointer_cast<int64_t>(batch); }

TEST(BatchPipelineTest, MakesBatchesOnlyWhenAskedWithoutWorkers) {
  int made = 0;
  BatchPipeline pipeline([&](int64_t batch) { return ++made, number(batch); }, 2, 0, 2);
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
  BatchPipeline pipeline(make, 50, 3, 2);

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
  BatchPipeline pipeline(make, 1000, 2, 3);

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
    BatchPipeline pipeline(make, 3, num_workers, 2);

    EXPECT_EQ(value_of(pipeline.next()), 0);
    EXPECT_THROW(pipeline.next(), std::out_of_range);
    EXPECT_EQ(value_of(pipeline.next()), 2);
  }
}

TEST(BatchPipelineTest, EndsEarlyWithBatchesInFlight) {
  for (int i = 0; i < 20; ++i) {
    BatchPipeline pipeline(number, 1'000'000, 3, 4);

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
    BatchPipeline pipeline(make, 8, num_workers, 2);
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
  BatchPipeline pipeline(make, 8, 2, 2);
  while (pipeline.next() != nullptr) {
  }

  EXPECT_EQ(in_workers, std::set<int>({1}));
  EXPECT_EQ(at::get_num_threads(), before);
}

}  // namespace
}  // namespace fabric::detail
