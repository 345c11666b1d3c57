#include "rendezvous/restart_budget.h"

#include <gtest/gtest.h>

namespace fabric::rendezvous {
namespace {

using namespace std::chrono_literals;

class RestartBudgetTest : public ::testing::Test {
 protected:
  /// A generation fails, after its ranks have ended `step`.
  RestartAnswer fail_at(int64_t step, Nanoseconds after = 1s) {
    now_ = now_ + after;
    note_step(history_, step);
    return ask_restart(history_, settings_, now_);
  }

  Settings settings_{.max_restarts = 100, .max_failures_without_progress = 3};
  RestartHistory history_;
  TimePoint now_{1h};
};

TEST_F(RestartBudgetTest, CountsAllRestartsOfTheJobWithoutAWindow) {
  settings_.max_restarts = 2;

  EXPECT_EQ(fail_at(1), RestartAnswer::kGranted);
  EXPECT_EQ(fail_at(2, 1'000h), RestartAnswer::kGranted);
  EXPECT_EQ(fail_at(3, 1'000h), RestartAnswer::kUsedUp);
  EXPECT_EQ(history_.restart_count, 2);
}

TEST_F(RestartBudgetTest, GrantsAgainOnceTheWindowHasPassed) {
  settings_.max_restarts = 2;
  settings_.restart_window = 60s;
  ASSERT_EQ(fail_at(1), RestartAnswer::kGranted);
  ASSERT_EQ(fail_at(2, 30s), RestartAnswer::kGranted);

  EXPECT_EQ(fail_at(3, 30s), RestartAnswer::kGranted);
  EXPECT_EQ(fail_at(4, 29s), RestartAnswer::kUsedUp);
  EXPECT_EQ(history_.restart_count, 3) << "of the whole job";
}

TEST_F(RestartBudgetTest, GivesUpAfterFailuresThatCameNoFurtherThanAnyBefore) {
  EXPECT_EQ(fail_at(10), RestartAnswer::kGranted);
  EXPECT_EQ(fail_at(10), RestartAnswer::kGranted);
  EXPECT_EQ(fail_at(4), RestartAnswer::kGranted);
  EXPECT_EQ(fail_at(9), RestartAnswer::kNoProgress);
}

TEST_F(RestartBudgetTest, OneStepFurtherIsProgress) {
  fail_at(10);
  fail_at(10);
  fail_at(10);

  EXPECT_EQ(fail_at(11), RestartAnswer::kGranted);
  EXPECT_EQ(fail_at(11), RestartAnswer::kGranted);
  EXPECT_EQ(fail_at(11), RestartAnswer::kGranted);
  EXPECT_EQ(fail_at(11), RestartAnswer::kNoProgress);
}

TEST_F(RestartBudgetTest, AFailureBeforeTheFirstStepIsNoProgressEither) {
  fail_at(5);

  EXPECT_EQ(fail_at(-1), RestartAnswer::kGranted);
  EXPECT_EQ(fail_at(-1), RestartAnswer::kGranted);
  EXPECT_EQ(fail_at(-1), RestartAnswer::kNoProgress);
}

TEST_F(RestartBudgetTest, ProgramsWithoutStepsHaveTheirBudgetOnly) {
  settings_.max_restarts = 10;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(fail_at(-1), RestartAnswer::kGranted);

  EXPECT_EQ(fail_at(-1), RestartAnswer::kUsedUp);
}

TEST_F(RestartBudgetTest, FailuresBeforeTheFirstStepOfTheJobDoNotCountLater) {
  for (int i = 0; i < 5; ++i) ASSERT_EQ(fail_at(-1), RestartAnswer::kGranted);

  EXPECT_EQ(fail_at(1), RestartAnswer::kGranted);
  EXPECT_EQ(fail_at(1), RestartAnswer::kGranted);
}

TEST_F(RestartBudgetTest, NeverGivesUpWhereThatIsSwitchedOff) {
  settings_.max_failures_without_progress = 0;

  for (int i = 0; i < 20; ++i) EXPECT_EQ(fail_at(7), RestartAnswer::kGranted);
}

TEST_F(RestartBudgetTest, ABudgetThatIsUsedUpIsTheReasonWhereBothApply) {
  settings_.max_restarts = 3;
  for (int i = 0; i < 3; ++i) ASSERT_EQ(fail_at(7), RestartAnswer::kGranted);

  EXPECT_EQ(fail_at(7), RestartAnswer::kUsedUp);
}

}  // namespace
}  // namespace fabric::rendezvous
