#include "runtime/api/checkpoint_schedule.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace fabric {
namespace {

using namespace std::chrono_literals;
using Seconds = CheckpointSchedule::Seconds;

int64_t alone(int64_t mine) { return mine; }

TEST(CheckpointScheduleTest, IsDueAfterSoManySteps) {
  CheckpointSchedule schedule({.every_steps = 4}, 0, 0s);
  std::vector<int64_t> saved;
  for (int64_t step = 1; step <= 13; ++step) {
    if (!schedule.is_due(step, 0s, alone)) continue;
    saved.push_back(step);
    schedule.saved(step, 0s);
  }
  EXPECT_EQ(saved, (std::vector<int64_t>{4, 8, 12}));
}

TEST(CheckpointScheduleTest, StaysDueUntilOneIsSaved) {
  CheckpointSchedule schedule({.every_steps = 4}, 0, 0s);
  EXPECT_TRUE(schedule.is_due(4, 0s, alone));
  EXPECT_TRUE(schedule.is_due(5, 0s, alone)) << "step 4 left gradients behind";
  schedule.saved(5, 0s);
  EXPECT_FALSE(schedule.is_due(6, 0s, alone));
  EXPECT_TRUE(schedule.is_due(8, 0s, alone));
}

TEST(CheckpointScheduleTest, IsNeverDueWithoutAPolicy) {
  CheckpointSchedule schedule({}, 0, 0s);
  for (int64_t step = 1; step <= 100; ++step) {
    EXPECT_FALSE(schedule.is_due(step, Seconds(static_cast<double>(step) * 1e6), [](int64_t mine) {
      ADD_FAILURE() << "nobody needs to talk";
      return mine;
    }));
  }
}

TEST(CheckpointScheduleTest, FindsTheStepAtWhichTheTimeIsOverWithFewLooks) {
  CheckpointSchedule schedule({.every = 10min}, 0, 0s);
  int looks = 0;
  const auto count = [&looks](int64_t mine) {
    ++looks;
    return mine;
  };
  int64_t step = 0;
  double now = 0;
  do {
    now += 0.05 * (++step % 7 == 0 ? 3.0 : 1.0);  // uneven
  } while (!schedule.is_due(step, Seconds(now), count));

  EXPECT_GE(now, 600);
  EXPECT_LT(now, 600.5);
  EXPECT_LT(looks, 40) << "in " << step << " steps";
}

/// Ranks whose clocks and paces differ, which hear what rank 0 says.
TEST(CheckpointScheduleTest, AllRanksSaveAtTheSameSteps) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    const CheckpointPolicy policy{.every_steps = 700, .every = 5s};
    CheckpointSchedule first(policy, 0, 0s), second(policy, 0, 1000s);
    double now = 0;
    int saves = 0;
    for (int64_t step = 1; step <= 2'000; ++step) {
      now += static_cast<double>(random() % 100) / 1'000;
      int64_t said = 0;
      bool has_said = false, has_asked = false;
      const bool mine = first.is_due(step, Seconds(now), [&](int64_t number) {
        has_said = true;
        return said = number;
      });
      const bool theirs = second.is_due(step, Seconds(1000 + now * 3), [&](int64_t) {
        has_asked = true;
        return said;
      });
      ASSERT_EQ(has_said, has_asked) << "a rank would wait for ever, at step " << step << ", seed " << seed;
      ASSERT_EQ(mine, theirs) << "step " << step << ", seed " << seed;
      if (!mine || random() % 3 == 0) continue;  // not every step is clean
      ++saves;
      first.saved(step, Seconds(now));
      second.saved(step, Seconds(1000 + now * 3));
    }
    EXPECT_GT(saves, 10) << seed;
  }
}

}  // namespace
}  // namespace fabric
