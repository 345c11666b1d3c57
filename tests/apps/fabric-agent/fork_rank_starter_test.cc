#include "fork_rank_starter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <set>

#include "process/reaper.h"
#include "supervisor_rig.h"

namespace fabric::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Keeps the reasons of warnings.
class ReasonLog final : public Log {
 public:
  void write(LogLevel level, std::string_view, std::initializer_list<LogField> fields) override {
    if (level < LogLevel::kWarning) return;
    for (const LogField& field : fields) {
      if (field.key == "reason") reasons.push_back(field.value);
    }
  }
  std::vector<std::string> reasons;
};

std::string field_of_status(int pid, const std::string& name) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  }
  return {};
}

/// Starts ranks that wait; how they were made shows in their command lines.
class ForkRankStarterTest : public ::testing::Test {
 protected:
  ForkRankStarterTest() : loop_(std::move(*process::EventLoop::create(clock_))) {
    EXPECT_TRUE(process::become_subreaper().ok());
  }
  ~ForkRankStarterTest() override {
    ranks_.clear();
    starter_.reset();
    process::kill_all_descendants(5s, clock_);
  }

  void make_starter(ForkRankStarter::Limits limits = {}, const std::string& worker = FABRIC_RANK_PROGRAM) {
    starter_ = std::make_unique<ForkRankStarter>(*loop_, log_, worker, limits);
  }
  static RankLaunch launch(const std::string& server_mode, const std::string& program = "a.so") {
    RankLaunch launch;
    launch.program = program;
    launch.environment = {{"PROGRAM_MODE", "silent"},
                          {"FORK_SERVER_MODE", server_mode},
                          {"OMP_NUM_THREADS", "5"},
                          {"PATH", "/usr/bin:/bin"}};
    launch.method = StartMethod::kForkServer;
    return launch;
  }
  void start(const RankLaunch& launch) {
    starter_->start(launch, [this](Result<StartedRank> rank) { ranks_.push_back(std::move(rank)); });
  }
  bool run_until(const std::function<bool()>& predicate) {
    const TimePoint end = clock_.now() + 10s;
    while (!predicate() && clock_.now() < end) {
      loop_->call_after(1ms, [this] { loop_->stop(); });
      loop_->run();
    }
    return predicate();
  }
  bool run_until_started(size_t count) {
    return run_until([&] { return ranks_.size() >= count; });
  }
  bool was_forked(size_t rank) const {
    std::ifstream file("/proc/" + std::to_string(ranks_.at(rank)->process->pid()) + "/cmdline");
    std::string line;
    std::getline(file, line);
    return line.find("--forkserver") != std::string::npos;
  }
  int server_pid() const { return starter_->children().at(0); }

  SystemClock clock_;
  ReasonLog log_;
  std::unique_ptr<process::EventLoop> loop_;
  std::unique_ptr<ForkRankStarter> starter_;
  std::vector<Result<StartedRank>> ranks_;
};

TEST_F(ForkRankStarterTest, ForksRanksThatAreItsOwnChildrenInGroupsOfTheirOwn) {
  make_starter();

  for (int i = 0; i < 3; ++i) start(launch("serve"));

  ASSERT_TRUE(run_until_started(3));
  std::set<int> pids;
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(ranks_[i].ok()) << ranks_[i].status().to_string();
    const int pid = ranks_[i]->process->pid();
    EXPECT_TRUE(was_forked(i));
    EXPECT_EQ(field_of_status(pid, "PPid"), std::to_string(::getpid()));
    EXPECT_EQ(::getpgid(pid), pid);
    pids.insert(pid);
  }
  EXPECT_THAT(pids, SizeIs(3));
  EXPECT_THAT(log_.reasons, IsEmpty());
}

TEST_F(ForkRankStarterTest, SeesHowAForkedRankEnds) {
  make_starter();
  start(launch("serve"));
  ASSERT_TRUE(run_until_started(1));
  std::optional<process::ChildExit> exit;
  ASSERT_TRUE(ranks_[0]->process->watch(*loop_, [&](process::ChildExit seen) { exit = seen; }).ok());

  ::kill(ranks_[0]->process->pid(), SIGSEGV);

  ASSERT_TRUE(run_until([&] { return exit.has_value(); }));
  EXPECT_EQ(exit->signal, SIGSEGV);
}

TEST_F(ForkRankStarterTest, IsWarmBeforeTheFirstRankIsAskedFor) {
  make_starter();
  starter_->prepare(launch("serve"));
  const int server = server_pid();

  start(launch("serve"));

  ASSERT_TRUE(run_until_started(1));
  EXPECT_TRUE(was_forked(0));
  EXPECT_EQ(server_pid(), server);
}

TEST_F(ForkRankStarterTest, GivesTheServerOneThreadAndTheRankItsOwnNumber) {
  make_starter();
  RankLaunch more = launch("serve");
  more.environment["PROGRAM_MODE"] = "environment";
  starter_->prepare(more);
  std::ifstream file("/proc/" + std::to_string(server_pid()) + "/environ");
  const std::string server_environment((std::istreambuf_iterator<char>(file)), {});

  EXPECT_THAT(server_environment, HasSubstr("OMP_NUM_THREADS=1"));
  EXPECT_THAT(server_environment, HasSubstr("MKL_NUM_THREADS=1"));
}

TEST_F(ForkRankStarterTest, ExecutesWhereALaunchAsksForIt) {
  make_starter();
  RankLaunch executed = launch("serve");
  executed.method = StartMethod::kExec;

  start(executed);

  ASSERT_TRUE(run_until_started(1));
  EXPECT_FALSE(was_forked(0));
  EXPECT_THAT(starter_->children(), IsEmpty());
}

TEST_F(ForkRankStarterTest, ExecutesWhereTheServerRefusesAndSaysWhy) {
  make_starter();

  for (int i = 0; i < 2; ++i) start(launch("refuse"));

  ASSERT_TRUE(run_until_started(2));
  EXPECT_FALSE(was_forked(0));
  EXPECT_FALSE(was_forked(1));
  EXPECT_THAT(log_.reasons, ElementsAre("the program has 2 threads"));
  EXPECT_THAT(starter_->children(), IsEmpty());
}

TEST_F(ForkRankStarterTest, ExecutesWhereTheProgramCrashesWhileItIsLoaded) {
  make_starter();

  start(launch("abort"));

  ASSERT_TRUE(run_until_started(1));
  EXPECT_FALSE(was_forked(0));
  EXPECT_THAT(log_.reasons, ElementsAre("it was killed by SIGABRT"));
}

TEST_F(ForkRankStarterTest, ExecutesWhereTheServerHangsOrSendsGarbage) {
  ForkRankStarter::Limits limits;
  limits.load = 100ms;
  make_starter(limits);

  start(launch("hang"));
  start(launch("garbage"));

  ASSERT_TRUE(run_until_started(2));
  EXPECT_FALSE(was_forked(0));
  EXPECT_FALSE(was_forked(1));
}

TEST_F(ForkRankStarterTest, ReplacesAServerThatIsKilledAndLeavesItsRanksAlone) {
  make_starter();
  start(launch("serve"));
  ASSERT_TRUE(run_until_started(1));
  const int first = server_pid();

  ::kill(first, SIGKILL);
  ASSERT_TRUE(run_until([&] { return server_pid() != first; }));
  start(launch("serve"));

  ASSERT_TRUE(run_until_started(2));
  EXPECT_TRUE(was_forked(1));
  EXPECT_EQ(::kill(ranks_[0]->process->pid(), 0), 0);
  EXPECT_EQ(field_of_status(ranks_[0]->process->pid(), "State").at(0), 'S');
  EXPECT_THAT(log_.reasons, ElementsAre("it was killed by SIGKILL"));
}

TEST_F(ForkRankStarterTest, ExecutesTheRankInWhichAServerDies) {
  make_starter();

  start(launch("die-forking"));

  ASSERT_TRUE(run_until_started(1));
  ASSERT_TRUE(ranks_[0].ok());
  EXPECT_FALSE(was_forked(0));
  EXPECT_FALSE(starter_->may_have_unknown_children());
}

TEST_F(ForkRankStarterTest, GivesUpOnServersThatDieAgainAndAgain) {
  ForkRankStarter::Limits limits;
  limits.deaths = 1;
  make_starter(limits);
  for (size_t rank = 1; rank <= 3; ++rank) {
    start(launch("die-forking"));
    ASSERT_TRUE(run_until_started(rank));
  }

  EXPECT_THAT(starter_->children(), IsEmpty());
  EXPECT_THAT(log_.reasons, SizeIs(2));
}

TEST_F(ForkRankStarterTest, StartsAnotherServerForAnotherProgram) {
  make_starter();
  start(launch("serve", "a.so"));
  ASSERT_TRUE(run_until_started(1));
  const int first = server_pid();

  start(launch("serve", "b.so"));

  ASSERT_TRUE(run_until_started(2));
  EXPECT_TRUE(was_forked(1));
  EXPECT_NE(server_pid(), first);
  EXPECT_EQ(::kill(first, 0), -1);
}

TEST_F(ForkRankStarterTest, SaysThatThereIsNoWorker) {
  make_starter({}, "/nowhere/fabric-worker");

  start(launch("serve"));

  ASSERT_TRUE(run_until_started(1));
  EXPECT_THAT(ranks_[0].status().message(), HasSubstr("/nowhere/fabric-worker"));
}

TEST_F(ForkRankStarterTest, RunsAWorkerUnderACommandThatIsInPath) {
  make_starter();
  RankLaunch wrapped = launch("serve");
  wrapped.method = StartMethod::kExec;
  wrapped.wrapper = {"env", "-i", "PROGRAM_MODE=silent"};

  start(wrapped);

  ASSERT_TRUE(run_until_started(1));
  ASSERT_TRUE(ranks_[0].ok()) << ranks_[0].status().to_string();
  EXPECT_TRUE(run_until([&] {
    std::ifstream file("/proc/" + std::to_string(ranks_[0]->process->pid()) + "/cmdline");
    std::string line;
    std::getline(file, line);
    return line.starts_with(FABRIC_RANK_PROGRAM);
  }));
}

TEST_F(ForkRankStarterTest, NamesACommandThatIsNotInPath) {
  make_starter();
  RankLaunch wrapped = launch("serve");
  wrapped.method = StartMethod::kExec;
  wrapped.wrapper = {"no-such-debugger", "--args"};

  start(wrapped);

  ASSERT_TRUE(run_until_started(1));
  EXPECT_THAT(ranks_[0].status().message(), HasSubstr("'no-such-debugger' is none"));
}

}  // namespace
}  // namespace fabric::agent
