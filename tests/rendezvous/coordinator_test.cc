#include "rendezvous/coordinator.h"

#include "rendezvous/coordinator_fixture.h"

namespace fabric::rendezvous {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CoordinatorTest : public CoordinatorFixture {};

TEST_F(CoordinatorTest, StartsAtOnceWhenAllNodesCame) {
  make({.min_nodes = 1, .max_nodes = 2, .ranks_per_node = 3});
  join("b");
  EXPECT_EQ(phase(), Phase::kGathering);

  join("a");

  ASSERT_THAT(sent<StartGeneration>("a"), SizeIs(1));
  const GenerationPlan a = sent<StartGeneration>("a")[0].plan;
  const GenerationPlan b = sent<StartGeneration>("b")[0].plan;
  EXPECT_EQ(a.world_size, 6);
  EXPECT_EQ(b.node_rank, 0);
  EXPECT_EQ(b.first_global_rank, 0);
  EXPECT_EQ(a.node_rank, 1);
  EXPECT_EQ(a.first_global_rank, 3);
  EXPECT_EQ(a.generation, (GenerationId{1, 1}));
}

TEST_F(CoordinatorTest, OpensTheStoreBeforeAnybodyIsStarted) {
  make({});

  join("a");

  const auto index_of = [this](auto matches) {
    return std::find_if(actions_.begin(), actions_.end(), matches) - actions_.begin();
  };
  const auto open = index_of([](const Action& action) { return std::holds_alternative<OpenStore>(action); });
  const auto start = index_of([](const Action& action) {
    const auto* send = std::get_if<SendTo>(&action);
    return send != nullptr && std::holds_alternative<StartGeneration>(send->message);
  });
  EXPECT_LT(open, start);
  EXPECT_LT(start, static_cast<int64_t>(actions_.size()));
}

TEST_F(CoordinatorTest, GivesLatecomersTheLastCallAndNoMore) {
  make({.min_nodes = 1, .max_nodes = 3, .last_call = 500ms});
  join("a");
  tick_after(499ms);
  EXPECT_EQ(phase(), Phase::kGathering);

  tick_after(1ms);

  EXPECT_EQ(phase(), Phase::kRunning);
  EXPECT_EQ(sent<StartGeneration>("a")[0].plan.num_nodes, 1);
}

TEST_F(CoordinatorTest, WelcomesWithTheLeaseAndAnswersEachHeartbeat) {
  make({});
  join("a");

  say("a", Heartbeat{17});

  EXPECT_EQ(sent<Welcome>("a")[0].heartbeat_interval_ms, 200);
  EXPECT_EQ(sent<Welcome>("a")[0].lease_ms, 1'200);
  EXPECT_EQ(sent<HeartbeatAck>("a")[0].sequence, 17u);
}

TEST_F(CoordinatorTest, FinishesWithZeroWhenAllRanksDo) {
  make({.min_nodes = 2, .max_nodes = 2});
  join("a");
  join("b");
  exit_of("a", exited(0, 0));
  stopped("a");
  EXPECT_EQ(outcome(), std::nullopt);

  exit_of("b", exited(1, 0));
  stopped("b");

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 0);
  EXPECT_THAT(outcome()->reports, SizeIs(2));
  EXPECT_THAT(sent<Shutdown>("a"), SizeIs(1));
  EXPECT_THAT(all<CloseStore>(), SizeIs(1));
  EXPECT_EQ(coordinator_->next_deadline(), std::nullopt);
}

TEST_F(CoordinatorTest, StopsSiblingsOnAllNodesAtOnceWhenARankFails) {
  make({.min_nodes = 2, .max_nodes = 2});
  join("a");
  join("b");

  exit_of("a", exited(0, 3));

  ASSERT_THAT(sent<StopGeneration>("b"), SizeIs(1));
  EXPECT_EQ(sent<StopGeneration>("b")[0].grace_ms, 0);
  EXPECT_THAT(sent<StopGeneration>("a"), SizeIs(1));
  EXPECT_THAT(all<CloseStore>(), SizeIs(1));
}

TEST_F(CoordinatorTest, EndsWithTheFailingRanksOwnCodeWithoutBudget) {
  make({.ranks_per_node = 2});
  join("a");

  exit_of("a", exited(1, 42));
  exit_of("a", killed(0));
  EXPECT_EQ(outcome(), std::nullopt);
  stopped("a");

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 42);
  EXPECT_EQ(outcome()->first_cause->global_rank, 1);
  EXPECT_EQ(sent<Shutdown>("a")[0].exit_code, 42);
}

TEST_F(CoordinatorTest, EndsWith128PlusTheSignalThatEndedTheFirstRank) {
  make({});
  join("a");
  ExitReport report = exited(0, 0);
  report.signal = SIGSEGV;

  exit_of("a", report);
  stopped("a");

  EXPECT_EQ(outcome()->exit_code, 128 + SIGSEGV);
}

TEST_F(CoordinatorTest, RestartsAFailedRankWhileBudgetIsLeft) {
  make({.max_restarts = 1});
  join("a");
  exit_of("a", exited(0, 1));
  EXPECT_THAT(sent<StartGeneration>("a"), SizeIs(1));

  stopped("a");
  ASSERT_THAT(sent<StartGeneration>("a"), SizeIs(2));
  EXPECT_EQ(sent<StartGeneration>("a")[1].plan.generation, (GenerationId{1, 2}));
  EXPECT_EQ(sent<StartGeneration>("a")[1].plan.restart_count, 1);
  exit_of("a", exited(0, 5));
  stopped("a");

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 5);
  EXPECT_EQ(outcome()->restart_count, 1);
}

TEST_F(CoordinatorTest, EndsWith93WhenRestartsBringNoRankFurther) {
  make({.max_restarts = 10, .max_failures_without_progress = 2});
  join("a");
  const auto fail_at = [this](int64_t step) {
    say("a", RankProgress{generation(), 0, RankPhase::kStep, 77, step, 0});
    ExitReport report = exited(0, 9);
    report.last_step = step + 1;  // its last step was not told in time
    exit_of("a", report);
    stopped("a");
  };
  fail_at(40);
  fail_at(40);
  EXPECT_EQ(outcome(), std::nullopt);

  fail_at(39);

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, exit_code::kNoProgress);
  EXPECT_THAT(outcome()->reason, HasSubstr("no rank came beyond step 41 in the last 2 generations"));
  EXPECT_EQ(outcome()->first_cause->exit_code, 9);
  EXPECT_EQ(outcome()->restart_count, 2);
}

TEST_F(CoordinatorTest, NeverRestartsAJobThatCannotBeLoaded) {
  make({.max_restarts = 5});
  join("a");

  exit_of("a", exited(0, exit_code::kBadJob));
  stopped("a");

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, exit_code::kBadJob);
}

TEST_F(CoordinatorTest, TakesRequeueForAnEndAndNotForAFailure) {
  make({.ranks_per_node = 2, .max_restarts = 5});
  join("a");

  exit_of("a", exited(0, exit_code::kRequeue));
  EXPECT_THAT(sent<StopGeneration>("a"), IsEmpty());
  exit_of("a", exited(1, exit_code::kRequeue));
  stopped("a");

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, exit_code::kRequeue);
  EXPECT_EQ(outcome()->first_cause, std::nullopt);
}

TEST_F(CoordinatorTest, ChargesTheBudgetWhenRanksEndedWithoutAReason) {
  make({.max_restarts = 0});
  join("a");

  exit_of("a", killed(0));
  stopped("a");

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 128 + SIGKILL);
  EXPECT_THAT(outcome()->first_cause->message, HasSubstr("lease"));
}

TEST_F(CoordinatorTest, NewGenerationAfterANodeLossIsFreeAndWaitsForTheLease) {
  make({.min_nodes = 1, .max_nodes = 2, .max_restarts = 0});
  join("a");
  join("b");
  wait(1s);
  beat();
  wait(100ms);
  lose("a");
  ASSERT_THAT(sent<StopGeneration>("b"), SizeIs(1));
  exit_of("b", killed(1));
  stopped("b");
  clear();

  tick_after(1s);
  beat();
  tick_after(399ms);
  EXPECT_THAT(sent<StartGeneration>("b"), IsEmpty());
  tick_after(1ms);

  ASSERT_THAT(sent<StartGeneration>("b"), SizeIs(1));
  EXPECT_EQ(sent<StartGeneration>("b")[0].plan.node_rank, 0);
  EXPECT_EQ(sent<StartGeneration>("b")[0].plan.restart_count, 0);
}

TEST_F(CoordinatorTest, LosesAnAgentThatFallsSilent) {
  make({.min_nodes = 1, .max_nodes = 1});
  join("a");
  EXPECT_EQ(coordinator_->next_deadline(), now_ + 1'500ms);

  tick_after(1'500ms);

  EXPECT_THAT(all<DropAgent>(), SizeIs(1));
  EXPECT_EQ(phase(), Phase::kGathering);
}

TEST_F(CoordinatorTest, ALateHeartbeatDoesNotBringALostAgentBack) {
  make({});
  join("a");
  wait(1'500ms);
  clear();

  say("a", Heartbeat{9});

  EXPECT_THAT(sent<HeartbeatAck>("a"), IsEmpty());
  EXPECT_EQ(coordinator_->state().stale_messages, 1u);
}

TEST_F(CoordinatorTest, TellsWhoCameAndWhoIsMissingWhenTheRendezvousFails) {
  make({.min_nodes = 3, .max_nodes = 3, .rendezvous_timeout = 1s});
  join("a");
  join("b");
  lose("b");

  tick_after(1s);

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, exit_code::kRendezvousTimeout);
  EXPECT_THAT(outcome()->reason, HasSubstr("needs 3 nodes, but only 1 came within 1000 ms"));
  EXPECT_THAT(outcome()->reason, HasSubstr("present: a (host-a, last heard 1000 ms ago)"));
  EXPECT_THAT(outcome()->reason, HasSubstr("missing: 2"));
  EXPECT_THAT(outcome()->reason, HasSubstr("left: b (host-b, last heard 1000 ms ago, connection reset)"));
  EXPECT_EQ(outcome()->generation.counter, 0u);
}

TEST_F(CoordinatorTest, AReplacementTakesTheRankOfTheLostNode) {
  make({.min_nodes = 2, .max_nodes = 2});
  join("a");
  join("b");
  say("a", Goodbye{"node is drained"});
  exit_of("b", killed(1));
  stopped("b");
  EXPECT_EQ(phase(), Phase::kGathering);
  clear();

  join("c");

  EXPECT_EQ(sent<StartGeneration>("c")[0].plan.node_rank, 0);
  EXPECT_EQ(sent<StartGeneration>("b")[0].plan.node_rank, 1);
}

TEST_F(CoordinatorTest, KeepsAgentsBeyondMaxNodesAsSpares) {
  make({.min_nodes = 1, .max_nodes = 1});
  join("a");
  join("b");
  EXPECT_THAT(sent<StartGeneration>("b"), IsEmpty());

  say("a", Goodbye{"node is drained"});

  EXPECT_THAT(sent<StartGeneration>("b"), SizeIs(1));
}

TEST_F(CoordinatorTest, FailuresOfPeersDoNotChargeTheBudgetWhenANodeWasLost) {
  make({.min_nodes = 1, .max_nodes = 2, .max_restarts = 0});
  join("a");
  join("b");
  ExitReport peer_failed = exited(1, 1);
  peer_failed.exception_type = "fabric::PeerError";
  exit_of("b", peer_failed);
  stopped("b");
  clear();

  lose("a");
  tick_after(1'400ms);
  EXPECT_EQ(outcome(), std::nullopt);
  beat();
  tick_after(100ms);

  EXPECT_EQ(outcome(), std::nullopt);
  EXPECT_THAT(sent<StartGeneration>("b"), SizeIs(1));
}

TEST_F(CoordinatorTest, IgnoresAndCountsWhatBelongsToAnOlderGeneration) {
  make({.max_restarts = 1});
  join("a");
  exit_of("a", exited(0, 1));
  stopped("a");
  clear();

  say("a", RankExited{{1, 1}, exited(0, 1)});
  say("a", GenerationStopped{{1, 1}});
  say("a", RankExited{generation(), exited(7, 1)});

  EXPECT_EQ(coordinator_->state().stale_messages, 3u);
  EXPECT_THAT(actions_, IsEmpty());
  EXPECT_EQ(phase(), Phase::kRunning);
}

TEST_F(CoordinatorTest, RecordsWhatHappens) {
  make({});
  join("a");
  say("a", RankProgress{generation(), 0, RankPhase::kReady, 77, -1, 0});
  say("a", RankProgress{generation(), 0, RankPhase::kStep, 77, 1, 0});
  exit_of("a", exited(0, 0));
  stopped("a");

  std::vector<std::string> names;
  for (const Record& record : all<Record>()) names.push_back(record.event);
  EXPECT_THAT(names, ElementsAre("agent_joined", "generation_started", "rank_ready", "rank_exited",
                                 "generation_stopped", "job_finished"));
}

}  // namespace
}  // namespace fabric::rendezvous
