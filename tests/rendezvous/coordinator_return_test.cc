// A coordinator that crashes and comes back from its journal.

#include "rendezvous/action_text.h"
#include "rendezvous/coordinator_fixture.h"

namespace fabric::rendezvous {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CoordinatorReturnTest : public CoordinatorFixture {
 protected:
  /// What is on the disk after all actions so far.
  Journal written() const {
    std::string text;
    for (const WriteJournal& action : all<WriteJournal>()) text += to_line(action.entry) + "\n";
    return read_journal(text).value();
  }
  /// The coordinator crashes and returns; nobody is connected.
  void come_back(Settings settings) {
    coordinator_.emplace(std::move(settings), written());
    at(Tick{});
  }
  size_t index_of(const std::string& what) const {
    const std::vector<std::string> texts = texts_of(actions_);
    const auto found =
        std::find_if(texts.begin(), texts.end(), [&](const std::string& text) { return text.starts_with(what); });
    return static_cast<size_t>(found - texts.begin());
  }

  Settings settings_{.min_nodes = 2, .max_nodes = 2, .max_restarts = 1};
};

TEST_F(CoordinatorReturnTest, WritesAGenerationDownBeforeAnybodyHearsOfIt) {
  make({});
  join("a");

  EXPECT_LT(index_of("journal term 1"), index_of("to a welcome"));
  EXPECT_LT(index_of("journal generation 1 1 1 =a 0"), index_of("open store 1.1"));
  EXPECT_LT(index_of("open store 1.1"), index_of("to a start"));
  EXPECT_LT(index_of("to a start"), actions_.size());
}

TEST_F(CoordinatorReturnTest, WritesASpentRestartDownBeforeTheNextGeneration) {
  make({.max_restarts = 1});
  join("a");
  clear();

  exit_of("a", exited(0, 3));
  stopped("a");

  EXPECT_LT(index_of("journal budget 1"), index_of("journal generation 1 2"));
}

TEST_F(CoordinatorReturnTest, BeginsTheNextTermAndIssuesNoNumberAgain) {
  make(settings_);
  join("a");
  join("b");
  EXPECT_EQ(generation(), (GenerationId{1, 1}));

  come_back(settings_);
  join("a");
  join("b");
  stopped("a");
  stopped("b");

  EXPECT_EQ(generation(), (GenerationId{2, 1}));
}

TEST_F(CoordinatorReturnTest, TellsWhoComesBackToStopAndAwaitsItsWord) {
  make(settings_);
  join("a");
  join("b");
  come_back(settings_);
  clear();

  join("b");
  join("a");
  EXPECT_EQ(sent<StopGeneration>("a").at(0).generation, (GenerationId{1, 1}));
  EXPECT_THAT(sent<StartGeneration>("a"), IsEmpty());
  stopped("b");
  stopped("a");

  ASSERT_THAT(sent<StartGeneration>("a"), SizeIs(1));
  EXPECT_EQ(sent<StartGeneration>("a")[0].plan.node_rank, 0) << "ranks outlast the crash";
  EXPECT_EQ(sent<StartGeneration>("b").at(0).plan.node_rank, 1);
}

TEST_F(CoordinatorReturnTest, WaitsForTheLeaseOfWhoeverDoesNotComeBack) {
  settings_.min_nodes = 1;
  make(settings_);
  join("a");
  join("b");
  come_back(settings_);
  join("b");
  stopped("b");
  clear();

  tick_after(1'000ms);
  beat();
  tick_after(499ms);
  EXPECT_THAT(sent<StartGeneration>("b"), IsEmpty());
  tick_after(1ms);
  tick_after(500ms);

  ASSERT_THAT(sent<StartGeneration>("b"), SizeIs(1));
  EXPECT_EQ(sent<StartGeneration>("b")[0].plan.num_nodes, 1);
}

TEST_F(CoordinatorReturnTest, RemembersWhatWasSpentAndChargesNothingForTheCrash) {
  make({.max_restarts = 1});
  join("a");
  exit_of("a", exited(0, 3));
  stopped("a");
  come_back({.max_restarts = 1});
  join("a");
  stopped("a");
  EXPECT_EQ(outcome(), std::nullopt);

  exit_of("a", exited(0, 4));
  stopped("a");

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 4);
  EXPECT_EQ(outcome()->restart_count, 1);
}

TEST_F(CoordinatorReturnTest, AFailureThatIsToldAfterTheCrashCounts) {
  make({.max_restarts = 1});
  join("a");
  come_back({.max_restarts = 1});
  join("a");
  exit_of("a", exited(0, 3));
  stopped("a");

  EXPECT_EQ(coordinator_->state().restarts.restart_count, 1);
}

TEST_F(CoordinatorReturnTest, DoesNotRunAJobAgainThatHasEnded) {
  make({});
  join("a");
  exit_of("a", exited(0, 0));
  stopped("a");
  const Journal journal = written();
  clear();

  coordinator_.emplace(Settings{}, journal);
  at(Tick{});
  join("late");

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 0);
  EXPECT_THAT(sent<Shutdown>("late"), SizeIs(1));
}

TEST_F(CoordinatorReturnTest, GoesOnAfterAGenerationThatGaveWayToALargerOne) {
  const Settings settings{.min_nodes = 1, .max_nodes = 2, .last_call = 0s, .scale_up_wait = 0s};
  make(settings);
  join("a");
  say("a", RankProgress{generation(), 0, RankPhase::kStep, 77, 4, 0});
  join("b");
  say("a", RankReached{generation(), 0, 7});
  come_back(settings);
  join("a");
  exit_of("a", exited(0, exit_code::kRequeue));
  join("b");

  stopped("a");

  EXPECT_EQ(outcome(), std::nullopt) << "nobody has asked for the end";
  EXPECT_EQ(phase(), Phase::kRunning);
}

TEST_F(CoordinatorReturnTest, RemembersThatTheJobShallEnd) {
  make({});
  join("a");
  at(StopRequested{"stopped by SIGTERM", 143, false});
  come_back({});
  join("a");
  stopped("a");

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 143);
  EXPECT_EQ(outcome()->reason, "stopped by SIGTERM");
}

TEST_F(CoordinatorReturnTest, RemembersTheStopWhereNothingHadStarted) {
  make({});
  Journal journal = written();
  journal.add(StopAsked{"stopped by SIGTERM", 143});

  coordinator_.emplace(Settings{}, journal);
  at(Tick{});

  ASSERT_TRUE(outcome());
  EXPECT_EQ(outcome()->exit_code, 143);
}

TEST_F(CoordinatorReturnTest, RunsAgainWhatEndedOnceItIsReopened) {
  make({});
  join("a");
  Journal journal = written();
  const GenerationId before = generation();
  journal.add(BudgetSpent{{.restart_count = 1, .restarts = {TimePoint{1s}}}});
  journal.add(StopAsked{"stopped by SIGTERM", 143});
  journal.add(JobEnded{75, "stopped by SIGTERM"});

  journal.add(JobReopened{});
  coordinator_.emplace(Settings{}, journal);
  at(Tick{});
  join("b");

  EXPECT_FALSE(outcome());
  EXPECT_GT(generation().term, before.term) << "numbers are never issued again";
  EXPECT_EQ(coordinator_->state().restarts.restart_count, 0) << "what it may spend is as at its beginning";
}

TEST_F(CoordinatorReturnTest, AReopenedJobWaitsForRanksThatMayBeAlive) {
  make(settings_);
  join("a");
  join("b");
  Journal journal = written();
  journal.add(StopAsked{"stopped by SIGTERM", 143});

  journal.add(JobReopened{});

  EXPECT_FALSE(journal.stop);
  ASSERT_TRUE(journal.generation) << "it was cut off and has not ended";
  EXPECT_EQ(journal.generation->members.size(), 2u);
}

TEST_F(CoordinatorReturnTest, WaitsForWhoComesBackAsLongAsItsLeaseTakes) {
  settings_.lease = 60s;
  make(settings_);
  join("a");
  join("b");
  come_back(settings_);
  clear();

  wait(30s);
  join("a");

  EXPECT_THAT(sent<StopGeneration>("a"), SizeIs(1));
  EXPECT_THAT(all<DropAgent>(), IsEmpty());
}

TEST_F(CoordinatorReturnTest, StartsLikeAnyOtherWithAnEmptyJournal) {
  coordinator_.emplace(Settings{.term = 7}, Journal{});
  at(Tick{});
  join("a");

  EXPECT_EQ(generation(), (GenerationId{7, 1}));
}

TEST(JournalTest, ReadsWhatItWrote) {
  const JournalEntry entries[] = {TermBegun{3},
                                  GenerationIssued{{3, 9}, {{"node-0", 1}, {"node 1%", 0}}},
                                  BudgetSpent{{.restart_count = 2, .restarts = {TimePoint{5s}, TimePoint{9s}}}},
                                  NodeStruck{"node-0", 2},
                                  StopAsked{"stopped by SIGTERM", 143},
                                  JobEnded{75, "as asked\nin two lines"},
                                  JobReopened{}};
  for (const JournalEntry& entry : entries) {
    const Result<JournalEntry> read = journal_entry_from(to_line(entry));

    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_EQ(to_line(*read), to_line(entry));
    EXPECT_EQ(read->index(), entry.index());
  }
}

TEST(JournalTest, ALineThatWasBeingWrittenDoesNotCount) {
  const Result<Journal> journal = read_journal("term 1\ngeneration 1 1 1 =a 0\ngenerat");

  ASSERT_TRUE(journal);
  EXPECT_EQ(journal->generation->generation, (GenerationId{1, 1}));
}

TEST(JournalTest, NamesTheLineThatIsDamaged) {
  for (const char* line : {"term", "term x", "term 1 2", "nonsense 1", "generation 1 1 99 =a 0", "strike =a%4 1", ""}) {
    const Result<Journal> journal = read_journal(concat("term 1\n", line, "\nterm 2\n"));

    ASSERT_FALSE(journal) << line;
    EXPECT_THAT(journal.error().message(), HasSubstr("line 2 of the journal"));
  }
}

}  // namespace
}  // namespace fabric::rendezvous
