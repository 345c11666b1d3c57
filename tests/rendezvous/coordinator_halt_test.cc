// How a job is stopped at a step that its ranks agree on.

#include "rendezvous/coordinator.h"
#include "rendezvous/coordinator_fixture.h"

namespace fabric::rendezvous {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CoordinatorHaltTest : public CoordinatorFixture {
 protected:
  /// Two agents of two ranks each, asked to stop.
  void ask() {
    make({.min_nodes = 2, .max_nodes = 2, .ranks_per_node = 2, .max_restarts = 3, .stop_timeout = 1s, .grace = 10s});
    join("a");
    join("b");
    clear();
    at(StopRequested{"stopped by SIGINT", 130, false});
  }
  void reached(const std::string& agent, int rank, int64_t step) { say(agent, RankReached{generation(), rank, step}); }
  void all_reach(int64_t first, int64_t second, int64_t third, int64_t fourth) {
    reached("a", 0, first);
    reached("a", 1, second);
    reached("b", 2, third);
    reached("b", 3, fourth);
  }
  void all_exit(int code) {
    for (const int rank : {0, 1}) exit_of("a", exited(rank, code));
    for (const int rank : {2, 3}) exit_of("b", exited(rank, code));
    stopped("a");
    stopped("b");
  }
  int64_t agreed() const {
    const auto sent_to_a = sent<StopAtStep>("a");
    return sent_to_a.empty() ? -1 : sent_to_a[0].step;
  }
};

TEST_F(CoordinatorHaltTest, AsksAllRanksAndLetsThemRun) {
  ask();

  EXPECT_EQ(phase(), Phase::kHalting);
  EXPECT_THAT(sent<AskSteps>("a"), SizeIs(1));
  EXPECT_EQ(sent<AskSteps>("b").at(0).generation, generation());
  EXPECT_THAT(sent<StopGeneration>("a"), IsEmpty());
  EXPECT_THAT(all<CloseStore>(), IsEmpty());
}

TEST_F(CoordinatorHaltTest, StopsAllAtTheHighestStepOnceAllHaveAnswered) {
  ask();
  reached("b", 3, 17);
  reached("a", 0, 16);
  reached("a", 1, 16);
  EXPECT_EQ(agreed(), -1);

  reached("b", 2, 15);

  EXPECT_EQ(agreed(), 17);
  EXPECT_EQ(sent<StopAtStep>("b").at(0).step, 17);
}

TEST_F(CoordinatorHaltTest, EndsWithRequeueAndNamesTheStep) {
  ask();
  all_reach(4, 4, 5, 4);

  all_exit(exit_code::kRequeue);

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, exit_code::kRequeue);
  EXPECT_EQ(outcome()->reason, "stopped by SIGINT at the end of step 5");
  EXPECT_EQ(coordinator_->next_deadline(), std::nullopt);
}

TEST_F(CoordinatorHaltTest, EndsWithZeroWhenTheProgramWasDoneAnyway) {
  ask();
  all_reach(4, 4, 5, 4);

  all_exit(0);

  EXPECT_EQ(outcome()->exit_code, 0);
}

TEST_F(CoordinatorHaltTest, WaitsForNoRankThatHasEnded) {
  ask();
  reached("a", 0, 9);
  reached("a", 1, 8);
  reached("b", 2, 30);

  exit_of("b", exited(3, 0));
  EXPECT_EQ(agreed(), 30);

  exit_of("b", exited(2, 0));
  EXPECT_THAT(sent<StopAtStep>("a"), SizeIs(1)) << "said once";
}

TEST_F(CoordinatorHaltTest, TheAnswerOfARankThatHasEndedDoesNotCount) {
  ask();
  reached("b", 2, 30);
  exit_of("b", exited(2, 0));
  reached("b", 3, 7);
  reached("a", 0, 8);

  reached("a", 1, 8);

  EXPECT_EQ(agreed(), 8);
}

TEST_F(CoordinatorHaltTest, ARankWithoutAStepIsEndedWithGrace) {
  ask();
  reached("a", 0, 3);

  reached("b", 2, -1);

  ASSERT_THAT(sent<StopGeneration>("a"), SizeIs(1));
  EXPECT_EQ(sent<StopGeneration>("a")[0].grace_ms, 10'000);
  EXPECT_THAT(sent<StopGeneration>("b").at(0).reason, HasSubstr("rank 2 has ended no step yet"));
  EXPECT_THAT(all<CloseStore>(), IsEmpty());
  all_reach(4, 4, 5, 4);
  EXPECT_EQ(agreed(), -1) << "too late";
}

TEST_F(CoordinatorHaltTest, RanksThatDoNotAnswerInTimeAreEndedWithGrace) {
  ask();
  reached("a", 0, 3);
  EXPECT_EQ(coordinator_->next_deadline(), now_ + 1s);
  tick_after(999ms);
  EXPECT_EQ(phase(), Phase::kHalting);

  tick_after(1ms);

  EXPECT_EQ(phase(), Phase::kStopping);
  EXPECT_EQ(sent<StopGeneration>("a").at(0).grace_ms, 10'000);
  EXPECT_THAT(sent<StopGeneration>("a")[0].reason, HasSubstr("have said at which step"));
  reached("a", 1, 3);
  EXPECT_EQ(agreed(), -1);
}

TEST_F(CoordinatorHaltTest, RanksThatDoNotComeToTheStepInTimeAreEndedWithGrace) {
  ask();
  all_reach(4, 4, 5, 4);
  exit_of("a", exited(0, exit_code::kRequeue));

  tick_after(1s);

  EXPECT_EQ(sent<StopGeneration>("b").at(0).grace_ms, 10'000);
  EXPECT_THAT(sent<StopGeneration>("b")[0].reason, HasSubstr("at the end of step 5 within 1000 ms"));
  for (const int rank : {1}) exit_of("a", killed(rank));
  for (const int rank : {2, 3}) exit_of("b", killed(rank));
  stopped("a");
  stopped("b");
  EXPECT_EQ(outcome()->exit_code, 130) << "not all have saved their state";
}

TEST_F(CoordinatorHaltTest, ASecondImmediateRequestKillsAtOnce) {
  ask();
  reached("a", 0, 3);

  at(StopRequested{"stopped by SIGINT", 130, true});

  EXPECT_EQ(sent<StopGeneration>("a").at(0).grace_ms, 0);
  EXPECT_THAT(all<CloseStore>(), SizeIs(1));
}

TEST_F(CoordinatorHaltTest, ASecondRequestThatIsNotImmediateChangesNothing) {
  ask();

  at(StopRequested{"stopped by SIGTERM", 143, false});

  EXPECT_EQ(phase(), Phase::kHalting);
  EXPECT_THAT(sent<AskSteps>("a"), SizeIs(1));
  EXPECT_THAT(sent<StopGeneration>("a"), IsEmpty());
}

TEST_F(CoordinatorHaltTest, ARankThatFailsMeanwhileIsReportedAndStopsTheRest) {
  ask();
  all_reach(4, 4, 5, 4);

  exit_of("a", exited(1, 3));

  EXPECT_EQ(sent<StopGeneration>("b").at(0).grace_ms, 0);
  exit_of("a", killed(0));
  for (const int rank : {2, 3}) exit_of("b", killed(rank));
  stopped("a");
  stopped("b");
  EXPECT_EQ(outcome()->exit_code, 130);
  EXPECT_EQ(outcome()->first_cause->global_rank, 1);
}

TEST_F(CoordinatorHaltTest, ANodeThatIsLostMeanwhileEndsTheJob) {
  ask();
  lose("a");
  EXPECT_EQ(sent<StopGeneration>("b").at(0).grace_ms, 0);
  for (const int rank : {2, 3}) exit_of("b", killed(rank));
  stopped("b");

  tick_after(1'500ms);

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 130);
}

TEST_F(CoordinatorHaltTest, IgnoresAnswersForRanksOfOthersAndOfOlderGenerations) {
  ask();
  reached("a", 0, 3);
  reached("a", 1, 3);
  reached("b", 2, 3);

  reached("a", 3, 9);
  say("b", RankReached{{1, 7}, 3, 9});
  EXPECT_EQ(agreed(), -1);

  reached("b", 3, 4);
  EXPECT_EQ(agreed(), 4);
}

TEST_F(CoordinatorHaltTest, NobodyIsAskedWithoutAStopTimeout) {
  make({.stop_timeout = 0s, .grace = 10s});
  join("a");

  at(StopRequested{"stopped by SIGINT", 130, false});

  EXPECT_THAT(sent<AskSteps>("a"), IsEmpty());
  EXPECT_EQ(sent<StopGeneration>("a").at(0).grace_ms, 10'000);
}

TEST_F(CoordinatorHaltTest, PassesSignalsOnAndRecordsHowManyRanksTheyReached) {
  make({.ranks_per_node = 2});
  join("a");

  at(SignalRequested{SIGUSR1});
  say("a", RanksSignaled{generation(), SIGUSR1, 2});

  EXPECT_EQ(sent<SignalRanks>("a").at(0).signal, SIGUSR1);
  const Record record = all<Record>().back();
  EXPECT_EQ(record.event, "ranks_signaled");
  EXPECT_EQ(record.fields.back(), (std::pair<std::string, FieldValue>("ranks", int64_t{2})));
}

TEST_F(CoordinatorHaltTest, ASignalWhileNothingRunsIsRecordedOnly) {
  make({});

  at(SignalRequested{SIGUSR2});

  EXPECT_THAT(all<SendTo>(), IsEmpty());
  EXPECT_EQ(all<Record>().back().event, "signal_requested");
}

}  // namespace
}  // namespace fabric::rendezvous
