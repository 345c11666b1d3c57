// Who is waited for, when a generation gives way to a larger one, which nodes are benched, and what departures cost.

#include "rendezvous/coordinator_fixture.h"

namespace fabric::rendezvous {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CoordinatorElasticTest : public CoordinatorFixture {
 protected:
  void step_of(const std::string& agent, int rank, int64_t step) {
    say(agent, RankProgress{generation(), rank, RankPhase::kStep, 77, step, 0});
  }
  void fail_on(const std::string& agent, int rank) {
    exit_of(agent, exited(rank, 3));
    for (const auto& [id, member] : coordinator_->state().generation->members) {
      if (id.value != agent) stopped(id.value);
    }
    stopped(agent);
  }
  /// One node runs, has ended a step, and could be joined by a second one.
  void start_small() {
    make({.min_nodes = 1, .max_nodes = 2, .max_restarts = 0, .last_call = 0s, .scale_up_wait = 500ms});
    join("a");
    step_of("a", 0, 4);
    clear();
  }
  size_t num_nodes() const { return coordinator_->state().generation->members.size(); }
};

TEST_F(CoordinatorElasticTest, WaitsForAsManyAsAreExpectedAndHoldsNoLastCall) {
  make({.min_nodes = 1, .max_nodes = 4, .expected_nodes = 3, .last_call = 500ms});
  join("a");
  join("b");
  wait(1s);
  beat();
  EXPECT_EQ(phase(), Phase::kGathering);
  EXPECT_GT(coordinator_->next_deadline(), now_) << "nothing is due";

  join("c");

  EXPECT_EQ(phase(), Phase::kRunning);
  EXPECT_EQ(num_nodes(), 3u);
}

TEST_F(CoordinatorElasticTest, StartsWithoutTheExpectedOnesOnceTheTimeoutIsOver) {
  make({.min_nodes = 1, .max_nodes = 4, .expected_nodes = 3, .rendezvous_timeout = 1s});
  join("a");

  tick_after(999ms);
  EXPECT_EQ(phase(), Phase::kGathering);
  tick_after(1ms);

  EXPECT_EQ(phase(), Phase::kRunning);
}

TEST_F(CoordinatorElasticTest, ExpectingMoreThanMaxNodesDoesNotWaitForTheSpares) {
  make({.min_nodes = 1, .max_nodes = 2, .expected_nodes = 3});
  join("a");
  join("b");

  EXPECT_EQ(phase(), Phase::kRunning);
}

TEST_F(CoordinatorElasticTest, GivesWayToALargerGenerationAtAStepAndChargesNothing) {
  start_small();
  join("b");
  tick_after(499ms);
  EXPECT_EQ(phase(), Phase::kRunning);
  tick_after(1ms);
  ASSERT_THAT(sent<AskSteps>("a"), SizeIs(1));
  EXPECT_THAT(sent<AskSteps>("b"), IsEmpty());

  say("a", RankReached{generation(), 0, 7});
  EXPECT_EQ(sent<StopAtStep>("a").at(0).step, 7);
  exit_of("a", exited(0, exit_code::kRequeue));
  stopped("a");

  EXPECT_EQ(phase(), Phase::kRunning);
  ASSERT_THAT(sent<StartGeneration>("b"), SizeIs(1));
  EXPECT_EQ(sent<StartGeneration>("a").at(0).plan.node_rank, 0);
  EXPECT_EQ(sent<StartGeneration>("b")[0].plan.world_size, 2);
  EXPECT_EQ(sent<StartGeneration>("b")[0].plan.restart_count, 0);
}

TEST_F(CoordinatorElasticTest, DoesNotGrowBeforeEachRankHasEndedAStep) {
  make({.min_nodes = 1, .max_nodes = 2, .last_call = 0s, .scale_up_wait = 0s});
  join("a");
  join("b");
  EXPECT_EQ(phase(), Phase::kRunning);
  EXPECT_EQ(num_nodes(), 1u);

  step_of("a", 0, 0);

  EXPECT_EQ(phase(), Phase::kHalting);
}

TEST_F(CoordinatorElasticTest, DoesNotGrowWhereRanksHaveBegunToEnd) {
  make({.min_nodes = 1, .max_nodes = 2, .ranks_per_node = 2, .last_call = 0s, .scale_up_wait = 0s});
  join("a");
  step_of("a", 0, 9);
  step_of("a", 1, 9);
  exit_of("a", exited(0, 0));

  join("b");

  EXPECT_EQ(phase(), Phase::kRunning);
}

TEST_F(CoordinatorElasticTest, DoesNotGrowUnlessAsked) {
  make({.min_nodes = 1, .max_nodes = 2, .last_call = 0s});
  join("a");
  step_of("a", 0, 4);
  join("b");
  wait(1s);
  beat();

  EXPECT_EQ(phase(), Phase::kRunning);
  EXPECT_EQ(num_nodes(), 1u);
}

TEST_F(CoordinatorElasticTest, ASpareThatLeavesBeforeItsTimeEnlargesNothing) {
  start_small();
  join("b");
  lose("b");

  tick_after(500ms);

  EXPECT_EQ(phase(), Phase::kRunning);
  EXPECT_THAT(sent<AskSteps>("a"), IsEmpty());
}

TEST_F(CoordinatorElasticTest, RanksThatDoNotStopInTimeForALargerGenerationHaveNotFailed) {
  start_small();
  join("b");
  tick_after(500ms);
  exit_of("a", killed(0));
  stopped("a");

  EXPECT_EQ(outcome(), std::nullopt);
  EXPECT_EQ(num_nodes(), 2u);
  EXPECT_EQ(coordinator_->state().restarts.restart_count, 0);
}

TEST_F(CoordinatorElasticTest, AFailureOnTheWayToALargerGenerationIsAFailure) {
  start_small();
  join("b");
  tick_after(500ms);

  exit_of("a", exited(0, 9));
  stopped("a");

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 9);
}

TEST_F(CoordinatorElasticTest, AStopOnTheWayToALargerGenerationEndsTheJobAtTheSameStep) {
  start_small();
  join("b");
  tick_after(500ms);
  at(StopRequested{"interrupted", 130, false});
  say("a", RankReached{generation(), 0, 7});
  exit_of("a", exited(0, exit_code::kRequeue));
  stopped("a");

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, exit_code::kRequeue);
  EXPECT_EQ(outcome()->reason, "interrupted at the end of step 7");
}

TEST_F(CoordinatorElasticTest, BenchesANodeWhoseRanksFailFirstAgainAndAgain) {
  make({.min_nodes = 1, .max_nodes = 2, .max_restarts = 10, .max_strikes = 2});
  join("a");
  join("b");
  fail_on("b", 1);
  EXPECT_EQ(num_nodes(), 2u);
  clear();

  fail_on("b", 1);

  EXPECT_EQ(num_nodes(), 1u);
  EXPECT_THAT(sent<StartGeneration>("b"), IsEmpty());
  EXPECT_TRUE(std::any_of(actions_.begin(), actions_.end(), [](const Action& action) {
    const auto* record = std::get_if<Record>(&action);
    return record != nullptr && record->event == "node_benched";
  }));
}

TEST_F(CoordinatorElasticTest, ABenchedNodeStaysSoWhenItComesBack) {
  make({.min_nodes = 1, .max_nodes = 2, .max_restarts = 10, .max_strikes = 1});
  join("a");
  join("b");
  fail_on("b", 1);
  lose("b");
  join("b");

  fail_on("a", 0);

  EXPECT_EQ(num_nodes(), 1u);
  EXPECT_TRUE(coordinator_->state().generation->members.contains({"a"})) << "both are benched, one is needed";
}

TEST_F(CoordinatorElasticTest, AnAgentThatIsStartedAgainDoesNotGetItsNodeOffTheBench) {
  make({.min_nodes = 1, .max_nodes = 2, .max_restarts = 10, .max_strikes = 2});
  join("a");
  join("b");
  fail_on("b", 1);
  at(AgentGone{{"b"}, "its processes have ended"});
  stopped("a");
  NodeReport same;
  same.hostname = "host-b";
  at(AgentJoined{{"b.2"}, same});
  exit_of("a", killed(0));
  stopped("a");
  if (num_nodes() < 2) {
    at(AgentGone{{"a"}, "it makes room"});
    join("a");
  }
  ASSERT_TRUE(coordinator_->state().generation->members.contains({"b.2"}));
  const int rank = coordinator_->state().generation->members.at({"b.2"}).node_rank;

  fail_on("b.2", rank);

  EXPECT_EQ(coordinator_->state().strikes.at("host-b"), 2);
  EXPECT_TRUE(coordinator_->state().agents.at({"b.2"}).benched);
}

TEST_F(CoordinatorElasticTest, ABenchedNodeRunsRanksWhereThereAreTooFewWithoutIt) {
  make({.min_nodes = 2, .max_nodes = 2, .max_restarts = 10, .max_strikes = 1});
  join("a");
  join("b");

  fail_on("b", 1);
  EXPECT_EQ(num_nodes(), 2u);
  join("c");
  fail_on("b", 1);

  EXPECT_TRUE(coordinator_->state().generation->members.contains({"c"}));
  EXPECT_FALSE(coordinator_->state().generation->members.contains({"b"}));
}

TEST_F(CoordinatorElasticTest, EndsWhenMoreNodesAreLostThanTheJobMayLose) {
  make({.min_nodes = 1, .max_nodes = 2, .max_node_losses = 1});
  join("a");
  join("b");
  at(AgentGone{{"b"}, "its machine is off"});
  stopped("a");
  EXPECT_EQ(outcome(), std::nullopt);

  at(AgentGone{{"a"}, "its machine is off"});

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, exit_code::kFailure);
  EXPECT_THAT(outcome()->reason, HasSubstr("all 1 node losses that the job may have are used up"));
}

TEST_F(CoordinatorElasticTest, ALoneAgentThatLeavesHasNotFailed) {
  make({.max_restarts = 0});
  join("a");
  exit_of("a", killed(0));

  say("a", Goodbye{"the node is taken away"});

  EXPECT_EQ(outcome(), std::nullopt);
  EXPECT_EQ(phase(), Phase::kGathering);
  EXPECT_EQ(coordinator_->state().restarts.preemptions, 1);
}

TEST_F(CoordinatorElasticTest, AnAgentThatIsCutOffAfterItHasConfirmedHasLostNothing) {
  make({.min_nodes = 2, .max_nodes = 2, .max_restarts = 0, .max_node_losses = 0});
  join("a");
  join("b");
  ExitReport peer_failed = exited(1, 5);
  peer_failed.exception_type = "fabric::PeerError";
  exit_of("b", peer_failed);
  stopped("b");
  lose("b");
  exit_of("a", killed(0));

  stopped("a");

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 5) << outcome()->reason;
}

TEST_F(CoordinatorElasticTest, APreemptionIsNoLossBecauseAnotherNodeIsCutOffAfterItHasConfirmed) {
  make({.min_nodes = 1, .max_nodes = 2, .max_node_losses = 0});
  join("a");
  join("b");
  say("a", Goodbye{"the node is taken away"});
  exit_of("b", killed(1));
  stopped("b");
  lose("b");

  EXPECT_EQ(outcome(), std::nullopt);
  EXPECT_EQ(coordinator_->state().restarts.preemptions, 1);
  EXPECT_EQ(coordinator_->state().restarts.node_losses, 0);
}

TEST_F(CoordinatorElasticTest, ANodeThatIsLostBeforeItSaysGoodbyeIsLost) {
  make({.min_nodes = 2, .max_nodes = 2});
  join("a");
  join("b");
  lose("a");
  join("a");
  say("a", Goodbye{"the node is taken away"});

  stopped("b");

  EXPECT_EQ(coordinator_->state().restarts.node_losses, 1);
  EXPECT_EQ(coordinator_->state().restarts.preemptions, 0);
}

TEST_F(CoordinatorElasticTest, ANodeThatStaysKeepsItsRankThoughASpareHadItBefore) {
  make({.min_nodes = 2, .max_nodes = 2, .max_restarts = 10, .max_strikes = 1});
  join("a");
  join("b");
  join("c");
  fail_on("b", 1);
  ASSERT_EQ(coordinator_->state().generation->members.at({"c"}).node_rank, 1);
  exit_of("c", exited(1, 3));
  say("a", Goodbye{"the node is taken away"});

  stopped("c");

  ASSERT_TRUE(coordinator_->state().generation->members.contains({"b"}));
  EXPECT_EQ(coordinator_->state().generation->members.at({"c"}).node_rank, 1);
}

TEST_F(CoordinatorElasticTest, CountsPreemptionsApartFromLosses) {
  make({.min_nodes = 1, .max_nodes = 1, .max_node_losses = 0, .max_preemptions = 1});
  join("a");
  say("a", Goodbye{"the node is taken away"});
  join("b");
  EXPECT_EQ(outcome(), std::nullopt);
  EXPECT_EQ(coordinator_->state().restarts.preemptions, 1);
  EXPECT_EQ(coordinator_->state().restarts.node_losses, 0);

  say("b", Goodbye{"the node is taken away"});

  ASSERT_TRUE(outcome());
  EXPECT_THAT(outcome()->reason, HasSubstr("all 1 preemptions"));
}

}  // namespace
}  // namespace fabric::rendezvous
