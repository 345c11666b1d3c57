#include "rendezvous/verdict.h"

#include "rendezvous/coordinator_fixture.h"

namespace fabric::rendezvous {
namespace {

Generation generation_with(std::vector<ExitReport> reports) {
  Generation generation;
  generation.members[{"a"}] = {0, true, false};
  generation.members[{"b"}] = {1, true, false};
  generation.reports = std::move(reports);
  return generation;
}

ExitReport peer_failure(int rank) {
  ExitReport report = exited(rank, 1);
  report.node_rank = rank;
  report.exception_type = "fabric::PeerError";
  return report;
}

TEST(VerdictTest, CompletedNeedsAReportOfEachRank) {
  EXPECT_EQ(judge(generation_with({exited(0, 0), exited(1, 0)}), 1).kind, Verdict::Kind::kCompleted);
  EXPECT_EQ(judge(generation_with({exited(0, 0)}), 1).kind, Verdict::Kind::kFailed);
}

TEST(VerdictTest, TheFirstCauseIsNeverWhatWeKilled) {
  const Verdict verdict = judge(generation_with({killed(0), exited(1, 9)}), 1);

  EXPECT_EQ(verdict.kind, Verdict::Kind::kFailed);
  EXPECT_EQ(verdict.first_cause->global_rank, 1);
}

TEST(VerdictTest, TheLossOfAPeerIsNoFirstCauseWhereThatPeerFailed) {
  const Verdict verdict = judge(generation_with({peer_failure(0), exited(1, 9)}), 1);

  EXPECT_EQ(verdict.first_cause->global_rank, 1);
}

TEST(VerdictTest, OnOneNodeTheEarlierFailureIsTheFirst) {
  ExitReport late = exited(0, 1);
  late.time_ns = 20;
  ExitReport early = exited(1, 2);
  early.time_ns = 10;

  EXPECT_EQ(judge(generation_with({late, early}), 1).first_cause->global_rank, 1);
}

TEST(VerdictTest, BetweenNodesTheEarlierFailureByTheCoordinatorsClockIsTheFirst) {
  ExitReport early = exited(0, 1);
  early.time_ns = 2'000;
  ExitReport late = exited(1, 2);
  late.node_rank = 1;
  late.time_ns = 1'500;
  Generation generation = generation_with({early, late});
  generation.members[{"b"}].clock_offset = Nanoseconds(1'000);

  use_coordinator_time(generation);

  EXPECT_EQ(generation.reports[1].time_ns, 2'500);
  EXPECT_EQ(judge(generation, 1).first_cause->global_rank, 0);
}

TEST(VerdictTest, AnEarlierLossOfAPeerIsNoFirstCause) {
  ExitReport early = peer_failure(0);
  early.time_ns = 10;
  ExitReport late = exited(1, 9);
  late.time_ns = 20;

  EXPECT_EQ(judge(generation_with({late, early}), 1).first_cause->global_rank, 1);
}

TEST(VerdictTest, ARealFailureCountsEvenIfANodeWasLost) {
  Generation generation = generation_with({exited(0, 9)});
  generation.members[{"b"}].lost = true;

  EXPECT_EQ(judge(generation, 1).kind, Verdict::Kind::kFailed);
}

TEST(VerdictTest, ALostNodeExplainsTheFailuresOfItsPeers) {
  Generation generation = generation_with({peer_failure(0)});
  generation.members[{"b"}].lost = true;

  EXPECT_EQ(judge(generation, 1).kind, Verdict::Kind::kNodeLost);
}

}  // namespace
}  // namespace fabric::rendezvous
