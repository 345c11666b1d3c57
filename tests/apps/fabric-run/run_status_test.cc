#include "run_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fabric::launcher {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class RunStatusTest : public ::testing::Test {
 protected:
  void progress(int rank, RankPhase phase, int64_t step = -1) {
    RankProgress progress;
    progress.global_rank = rank;
    progress.phase = phase;
    progress.step = step;
    progress.time_ns = now_.since_boot.count() + 1'000'000'000'000;  // the node's clock is another one
    status_.note(progress, now_);
  }
  /// `steps` steps of a rank, one each `interval`.
  void train(int rank, int steps, Nanoseconds interval) {
    for (int i = 0; i < steps; ++i) {
      now_ = now_ + interval;
      progress(rank, RankPhase::kStep, ++step_);
    }
  }
  std::vector<std::string> lines(TerminalSize size = {80, 24}) { return status_lines(status_, size, now_); }

  RunStatus status_;
  TimePoint now_{1h};
  int64_t step_ = -1;
};

TEST_F(RunStatusTest, SaysNothingBeforeThereAreRanks) { EXPECT_THAT(lines(), IsEmpty()); }

TEST_F(RunStatusTest, HasALineForEachRank) {
  status_.begin(3, 0, now_);
  progress(1, RankPhase::kReady);
  train(2, 51, 100ms);

  EXPECT_THAT(lines(), ElementsAre("rank 0  starting", "rank 1  ready", "rank 2  step 50       10.0 steps/s"));
}

TEST_F(RunStatusTest, FollowsAChangeOfSpeedWithinSeconds) {
  status_.begin(1, 0, now_);
  train(0, 50, 1s);
  EXPECT_THAT(lines().front(), HasSubstr("1.00 steps/s"));

  train(0, 100, 100ms);

  const double rate = status_.ranks().front().steps_per_second;
  EXPECT_GT(rate, 9.0);
  EXPECT_LT(rate, 10.0);
}

TEST_F(RunStatusTest, SaysForHowLongARankHasBeenSilent) {
  status_.begin(1, 0, now_);
  train(0, 10, 100ms);
  now_ = now_ + 9s;
  EXPECT_THAT(lines().front(), Not(HasSubstr("for")));

  now_ = now_ + 33s;

  EXPECT_THAT(lines().front(), HasSubstr("step 9        10.0 steps/s  for 42 s"));
}

TEST_F(RunStatusTest, DoesNotCallARankOfLongStepsSilent) {
  status_.begin(1, 0, now_);
  train(0, 3, 30s);

  now_ = now_ + 60s;

  EXPECT_THAT(lines().front(), Not(HasSubstr("for")));
}

TEST_F(RunStatusTest, BeginsAnewWithAGenerationAndCountsRestarts) {
  status_.begin(2, 0, now_);
  train(0, 3, 1s);
  status_.note_end(1, now_);
  EXPECT_THAT(lines()[1], HasSubstr("ended"));

  status_.begin(2, 1, now_);

  EXPECT_THAT(lines(), ElementsAre("rank 0  starting      restart 1", "rank 1  starting      restart 1"));
}

TEST_F(RunStatusTest, KeepsARankEndedWhoseLastMessageIsLate) {
  status_.begin(1, 0, now_);
  status_.note_end(0, now_);

  progress(0, RankPhase::kStep, 4);

  EXPECT_THAT(lines(), ElementsAre("rank 0  ended"));
}

TEST_F(RunStatusTest, IgnoresRanksThatItDoesNotHave) {
  status_.begin(1, 0, now_);

  progress(1, RankPhase::kReady);
  progress(-1, RankPhase::kReady);
  status_.note_end(7, now_);

  EXPECT_EQ(lines().size(), 1u);
}

TEST_F(RunStatusTest, SumsUpTheRanksBeyondSixteen) {
  status_.begin(64, 0, now_);
  for (int rank = 0; rank < 60; ++rank) progress(rank, RankPhase::kReady);
  for (int rank = 0; rank < 50; ++rank) progress(rank, RankPhase::kStep, 100 + rank);
  status_.note_end(63, now_);

  const std::vector<std::string> shown = lines({80, 50});

  ASSERT_EQ(shown.size(), 16u);
  EXPECT_EQ(shown[9], "rank 9   step 109");
  EXPECT_EQ(shown[15], "49 more ranks: 3 starting, 10 ready, 35 at steps 115 to 149, 1 ended");
}

TEST_F(RunStatusTest, FitsTheTerminal) {
  status_.begin(64, 3, now_);
  for (int rank = 0; rank < 64; ++rank) train(rank, 2, 1ms);

  for (const int columns : {20, 33, 80, 200}) {
    for (const int rows : {6, 10, 24, 100}) {
      const std::vector<std::string> shown = lines({columns, rows});
      EXPECT_LE(shown.size(), static_cast<size_t>(rows) / 2);
      for (const std::string& line : shown) EXPECT_LT(line.size(), static_cast<size_t>(columns));
    }
  }
  EXPECT_THAT(lines({19, 24}), IsEmpty());
  EXPECT_THAT(lines({80, 5}), IsEmpty());
}

}  // namespace
}  // namespace fabric::launcher
