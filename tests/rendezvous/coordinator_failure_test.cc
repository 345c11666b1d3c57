// What the coordinator says about failures: which came first, on whatever clock, and what ended each generation.

#include "rendezvous/coordinator_fixture.h"

namespace fabric::rendezvous {
namespace {

/// Agents whose clocks are off: each message of an agent says the time of its own clock.
class CoordinatorFailureTest : public CoordinatorFixture {
 protected:
  /// Two nodes of a rank each; the clock of "b" is ten minutes behind that of "a".
  void start_two_nodes(int max_restarts) {
    Settings settings;
    settings.min_nodes = settings.max_nodes = 2;
    settings.max_restarts = max_restarts;
    make(settings);
    join("a");
    join("b");
    beat_of("a", 100us);
    beat_of("b", 300us);
  }
  Nanoseconds clock_of(const std::string& agent) const { return now_.since_boot - (agent == "b" ? 10min : 0min); }
  void beat_of(const std::string& agent, Nanoseconds way) { say(agent, Heartbeat{1, (clock_of(agent) - way).count()}); }
  /// The rank of `agent` failed `ago`, which is heard of now.
  void fail(const std::string& agent, Nanoseconds ago, int code) {
    ExitReport report = exited(agent == "a" ? 0 : 1, code);
    report.time_ns = (clock_of(agent) - ago).count();
    exit_of(agent, report);
    stopped(agent);
  }
};

TEST_F(CoordinatorFailureTest, TheEarlierOfTwoNodesIsTheFirstCauseHoweverTheirClocksAreSet) {
  start_two_nodes(0);

  fail("a", 1ms, 3);
  wait(2ms);
  fail("b", 5ms, 4);

  EXPECT_EQ(outcome()->first_cause->global_rank, 1) << "it failed 3 ms after, by the time at which it was heard of";
  EXPECT_EQ(outcome()->exit_code, 4);
}

TEST_F(CoordinatorFailureTest, TheLaterOfTwoNodesIsNoFirstCauseThoughItsClockIsBehind) {
  start_two_nodes(0);

  fail("b", 1ms, 4);
  fail("a", 4ms, 3);

  EXPECT_EQ(outcome()->first_cause->global_rank, 0);
}

TEST_F(CoordinatorFailureTest, TellsAllTimesByTheCoordinatorsClock) {
  start_two_nodes(0);

  fail("b", 1ms, 4);
  fail("a", 4ms, 3);

  const JobOutcome ended = *outcome();
  for (const ExitReport& report : ended.reports) {
    const Nanoseconds ago = report.global_rank == 0 ? 4ms : 1ms;
    EXPECT_LE(now_.since_boot - ago - Nanoseconds(report.time_ns), 0ns);
    EXPECT_GE(now_.since_boot - ago - Nanoseconds(report.time_ns), -300us) << "as far off as a message takes";
  }
}

TEST_F(CoordinatorFailureTest, TheReportOfAnAgentThatSaidNothingElseShowsItsClock) {
  Settings settings;
  settings.min_nodes = settings.max_nodes = 2;
  make(settings);
  join("a");
  join("b");

  fail("b", 2ms, 4);
  fail("a", 1ms, 3);

  EXPECT_LE(Nanoseconds(outcome()->first_cause->time_ns), now_.since_boot);
  EXPECT_GE(Nanoseconds(outcome()->first_cause->time_ns), now_.since_boot - 2ms);
}

TEST_F(CoordinatorFailureTest, RemembersWhatEndedEachGeneration) {
  start_two_nodes(1);
  fail("a", 1ms, 3);
  stopped("b");
  fail("b", 1ms, 4);
  stopped("a");

  const JobOutcome ended = *outcome();
  const std::vector<FailedGeneration>& failures = ended.failures;
  ASSERT_EQ(failures.size(), 2u);
  EXPECT_EQ(failures[0].generation, (GenerationId{1, 1}));
  EXPECT_EQ(failures[0].global_rank, 0);
  EXPECT_THAT(failures[0].description, testing::HasSubstr("ended with exit code 3"));
  EXPECT_EQ(failures[1].generation, (GenerationId{1, 2}));
  EXPECT_EQ(failures[1].global_rank, 1);
  EXPECT_EQ(failures[1].time_ns, ended.first_cause->time_ns);
}

TEST_F(CoordinatorFailureTest, AGenerationThatALostNodeEndedHasNotFailed) {
  start_two_nodes(1);
  lose("b");
  stopped("a");

  EXPECT_TRUE(coordinator_->state().failures.empty());
}

}  // namespace
}  // namespace fabric::rendezvous
