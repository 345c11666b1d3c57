#include "rendezvous/coordinator.h"
#include "rendezvous/coordinator_fixture.h"

namespace fabric::rendezvous {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class CoordinatorStopTest : public CoordinatorFixture {
 protected:
  void start_one() {
    make({.stop_timeout = 0s, .grace = 10s, .stop_patience = 5s});
    join("a");
  }
};

TEST_F(CoordinatorStopTest, GivesRanksTheirGraceAndKeepsTheStoreOpenForThem) {
  start_one();

  at(StopRequested{"interrupted", 130, false});

  EXPECT_EQ(sent<StopGeneration>("a")[0].grace_ms, 10'000);
  EXPECT_THAT(all<CloseStore>(), IsEmpty());
  EXPECT_EQ(outcome(), std::nullopt);
}

TEST_F(CoordinatorStopTest, EndsWithTheCodeOfTheRequestWhenRanksWereKilled) {
  start_one();
  at(StopRequested{"interrupted", 143, false});

  exit_of("a", killed(0));
  stopped("a");

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 143);
  EXPECT_EQ(outcome()->reason, "interrupted");
  EXPECT_EQ(outcome()->first_cause, std::nullopt);
}

TEST_F(CoordinatorStopTest, EndsWithRequeueWhenRanksSavedTheirState) {
  start_one();
  at(StopRequested{"preempted", 130, false});

  exit_of("a", exited(0, exit_code::kRequeue));
  stopped("a");

  EXPECT_EQ(outcome()->exit_code, exit_code::kRequeue);
}

TEST_F(CoordinatorStopTest, EndsWithZeroWhenTheJobWasDoneAnyway) {
  start_one();
  at(StopRequested{"interrupted", 130, false});

  exit_of("a", exited(0, 0));
  stopped("a");

  EXPECT_EQ(outcome()->exit_code, 0);
}

TEST_F(CoordinatorStopTest, ASecondImmediateRequestCutsTheGraceShort) {
  start_one();
  at(StopRequested{"interrupted", 130, false});
  at(StopRequested{"interrupted again", 131, true});

  ASSERT_THAT(sent<StopGeneration>("a"), SizeIs(2));
  EXPECT_EQ(sent<StopGeneration>("a")[1].grace_ms, 0);
  exit_of("a", killed(0));
  stopped("a");

  EXPECT_EQ(outcome()->exit_code, 130);
}

TEST_F(CoordinatorStopTest, FinishesAtOnceWhileNothingRuns) {
  make({.min_nodes = 2, .max_nodes = 2});
  join("a");

  at(StopRequested{"interrupted", 130, false});

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 130);
  EXPECT_THAT(sent<Shutdown>("a"), SizeIs(1));
}

TEST_F(CoordinatorStopTest, AFailureDuringTheGraceStopsTheRestAtOnce) {
  make({.ranks_per_node = 2, .stop_timeout = 0s, .grace = 10s});
  join("a");
  at(StopRequested{"interrupted", 130, false});
  clear();

  exit_of("a", exited(0, 1));

  ASSERT_THAT(sent<StopGeneration>("a"), SizeIs(1));
  EXPECT_EQ(sent<StopGeneration>("a")[0].grace_ms, 0);
  exit_of("a", killed(1));
  stopped("a");
  EXPECT_EQ(outcome()->exit_code, 130);
  EXPECT_EQ(outcome()->first_cause->global_rank, 0);
}

TEST_F(CoordinatorStopTest, GivesUpANodeThatNeverConfirms) {
  start_one();
  at(StopRequested{"interrupted", 130, true});
  for (int beats = 0; beats < 24; ++beats) {
    tick_after(200ms);
    beat();
  }
  EXPECT_THAT(all<DropAgent>(), IsEmpty());

  tick_after(200ms);
  ASSERT_THAT(all<DropAgent>(), SizeIs(1));
  EXPECT_EQ(outcome(), std::nullopt);
  tick_after(1'300ms);

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 130);
}

TEST_F(CoordinatorStopTest, AskedToStopWhileRestartingItDoesNotRestart) {
  make({.max_restarts = 3});
  join("a");
  exit_of("a", exited(0, 1));
  at(StopRequested{"interrupted", 130, false});

  stopped("a");

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 130);
  EXPECT_EQ(outcome()->first_cause->exit_code, 1);
}

TEST_F(CoordinatorStopTest, AnAgentThatComesBackConfirmsBeforeItsLeaseEnds) {
  make({.min_nodes = 2, .max_nodes = 2});
  join("a");
  join("b");
  lose("a");
  stopped("b");
  clear();

  join("a");
  ASSERT_THAT(sent<StopGeneration>("a"), SizeIs(1));
  stopped("a");

  EXPECT_EQ(sent<StartGeneration>("a")[0].plan.node_rank, 0);
  EXPECT_EQ(sent<StartGeneration>("b")[0].plan.node_rank, 1);
}

TEST_F(CoordinatorStopTest, WhoComesAfterItsLeaseHasEndedIsWatchedAnew) {
  make({.min_nodes = 2, .max_nodes = 2, .rendezvous_timeout = 20s});
  join("a");
  join("b");
  lose("a");
  stopped("b");
  wait(1'400ms);
  beat();
  wait(600ms);
  join("a");  // no tick came in between
  ASSERT_EQ(phase(), Phase::kRunning);
  say("b", Heartbeat{1});
  clear();

  tick_after(1'000ms);
  say("b", Heartbeat{2});
  tick_after(500ms);

  ASSERT_THAT(all<DropAgent>(), SizeIs(1));
  EXPECT_EQ(all<DropAgent>()[0].agent.value, "a");
}

TEST_F(CoordinatorStopTest, AnAgentThatComesBackAgainAndAgainDoesNotPutTheEndOffForEver) {
  start_one();
  at(StopRequested{"interrupted", 130, true});
  for (int times = 0; times < 200 && !outcome(); ++times) {
    if (coordinator_->state().agents.contains({"a"}) && coordinator_->state().agents.at({"a"}).connected) lose("a");
    join("a");
    tick_after(100ms);
  }

  ASSERT_TRUE(outcome());
  EXPECT_LE(now_, TimePoint{1h} + 5s + 1'500ms + 200ms) << "its patience and a lease";
}

TEST_F(CoordinatorStopTest, WhoComesAfterTheEndIsSentHome) {
  start_one();
  at(StopRequested{"interrupted", 130, true});
  stopped("a");
  clear();

  say("a", Goodbye{"as told"});
  EXPECT_THAT(actions_, IsEmpty());

  join("late");
  ASSERT_THAT(sent<Shutdown>("late"), SizeIs(1));
  EXPECT_EQ(sent<Shutdown>("late")[0].exit_code, 130);
}

TEST_F(CoordinatorStopTest, DoesNotWaitForTheLeaseOfAnAgentThatIsKnownToBeGone) {
  start_one();
  at(StopRequested{"the agent ended", 1, true});
  lose("a");
  ASSERT_EQ(outcome(), std::nullopt) << "its ranks may be alive";

  at(AgentGone{{"a"}, "its processes have ended"});

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 1);
}

TEST_F(CoordinatorStopTest, AnAgentThatIsKnownToBeGoneIsLost) {
  start_one();

  at(AgentGone{{"a"}, "its processes have ended"});

  EXPECT_EQ(phase(), Phase::kGathering);
  EXPECT_THAT(coordinator_->state().agents, IsEmpty());
}

}  // namespace
}  // namespace fabric::rendezvous
