#include "supervisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>

#include "core/version.h"
#include "supervisor_rig.h"

namespace fabric::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

TEST(SupervisorTest, JoinsWithWhatTheNodeIs) {
  SupervisorRig rig;

  ASSERT_TRUE(rig.run_until([&] { return !rig.all<Join>().empty(); }));

  const Join join = rig.all<Join>().front();
  EXPECT_EQ(join.agent.value, "node0");
  EXPECT_EQ(join.node.fabric_version, kVersion);
  EXPECT_FALSE(join.node.hostname.empty());
  EXPECT_GE(join.node.num_cores, 1);
  EXPECT_THAT(join.node.accelerators_note, HasSubstr("/nowhere"));
}

TEST(SupervisorTest, RunsRanksAndReportsTheirLife) {
  SupervisorRig rig;

  rig.start(rig.plan("train", 2));
  ASSERT_TRUE(rig.run_until_stopped());

  for (const int rank : {0, 1}) {
    const ExitReport report = rig.report(rank);
    EXPECT_TRUE(report.ok());
    EXPECT_FALSE(report.killed_by_us);
    EXPECT_EQ(report.last_step, 2);
    EXPECT_GT(report.pid, 0);
    EXPECT_EQ(report.log_path, rig.directory() + "/logs/gen-1.1/rank-" + std::to_string(rank) + ".log");
    EXPECT_EQ(rig.file(report.log_path), "trained\n");
    EXPECT_EQ(report.last_log_lines, std::vector<std::string>{"trained"});
  }
  EXPECT_EQ(rig.all<RankProgress>().front().phase, RankPhase::kStarted);
  EXPECT_EQ(rig.log_lines(), (std::vector<std::string>{"trained", "trained"}));
  EXPECT_TRUE(std::holds_alternative<GenerationStopped>(rig.messages().back()));
}

TEST(SupervisorTest, GivesRanksTheirEnvironment) {
  SupervisorRig rig;
  GenerationPlan plan = rig.plan("environment");
  plan.env["OPENBLAS_NUM_THREADS"] = "5";

  rig.start(plan);
  ASSERT_TRUE(rig.run_until_stopped());

  const std::vector<std::string> lines = rig.log_lines();
  EXPECT_THAT(lines, Contains("PATH=/usr/bin:/bin"));
  EXPECT_THAT(lines, Contains("OMP_NUM_THREADS=3"));
  EXPECT_THAT(lines, Contains("MKL_NUM_THREADS=3")) << "what was inherited is the job's to take up";
  EXPECT_THAT(lines, Contains("OPENBLAS_NUM_THREADS=5"));
  EXPECT_THAT(lines, Contains("FABRIC_AGENT_FD=3"));
  EXPECT_THAT(lines, Not(Contains(HasSubstr("SECRET"))));
}

/// What a rank of mode "setup" says of its CPUs and threads if it was placed on `cores`.
std::vector<std::string> told_by(const process::RankCores& cores) {
  std::string cpus = "cpus";
  for (const int cpu : cores.cpus) cpus += ' ' + std::to_string(cpu);
  return {cpus, "threads " + std::to_string(cores.num_cores)};
}

TEST(SupervisorTest, BindsEachRankToItsShareOfTheCores) {
  for (const Binding binding : {Binding::kCores, Binding::kNuma}) {
    SupervisorRig rig;
    GenerationPlan plan = rig.plan("setup", 2);
    plan.binding = binding;
    plan.threads_per_rank = 0;

    rig.start(plan);
    ASSERT_TRUE(rig.run_until_stopped());

    const process::CorePlacement wanted =
        process::place_on_cores(process::read_topology({}, process::allowed_cpus()), binding, {-1, -1});
    for (const int rank : {0, 1}) {
      EXPECT_THAT(rig.report(rank).last_log_lines, IsSupersetOf(told_by(wanted.ranks.at(static_cast<size_t>(rank)))));
    }
  }
}

TEST(SupervisorTest, SharesOutThreadsWithoutABindingToo) {
  SupervisorRig rig;
  GenerationPlan plan = rig.plan("setup", 2);
  plan.threads_per_rank = 0;

  rig.start(plan);
  ASSERT_TRUE(rig.run_until_stopped());

  const std::vector<int> all = process::allowed_cpus();
  const int share = std::max(1, static_cast<int>(all.size()) / 2);
  EXPECT_THAT(rig.report(1).last_log_lines, IsSupersetOf(told_by({all, share})));
}

// ThreadSanitizer lifts a limit of the address space, AddressSanitizer needs a large one.
#if defined(__SANITIZE_THREAD__)
constexpr int64_t kMemory = INT64_MAX;
constexpr const char* kMemoryLine = "memory -1";
#elif defined(__SANITIZE_ADDRESS__)
constexpr int64_t kMemory = int64_t{1} << 60;
constexpr const char* kMemoryLine = "memory 1152921504606846976";
#else
constexpr int64_t kMemory = int64_t{1} << 30;
constexpr const char* kMemoryLine = "memory 1073741824";
#endif

TEST(SupervisorTest, GivesRanksTheirDirectoryAndTheirLimits) {
  SupervisorRig rig;
  GenerationPlan plan = rig.plan("setup");
  plan.workdir = "/usr";
  plan.limits = {0, 100, kMemory, 1'000};

  rig.start(plan);
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_THAT(rig.report().last_log_lines,
              IsSupersetOf({"directory /usr", "core 0", "files 100", kMemoryLine, "processes 1000", "threads 3"}))
      << rig.report().message;
}

TEST(SupervisorTest, NamesTheLimitThatMayNotBeRaisedSoFar) {
  SupervisorRig rig;
  GenerationPlan plan = rig.plan("setup");
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  plan.limits.open_files = static_cast<int64_t>(limit.rlim_max) + 1;

  rig.start(plan);
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_THAT(rig.report().message,
              HasSubstr(concat("(limit its open files to ", plan.limits.open_files, "): Operation not permitted")));
}

TEST(SupervisorTest, RunsTheRanksThatItWrapsByTheirCommand) {
  SupervisorRig rig;
  GenerationPlan plan = rig.plan("train", 2);
  plan.wrapper = {"sh", "-c", "echo wrapped; exec \"$@\"", "sh"};
  plan.wrapped_ranks = {1};

  rig.start(plan);
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_EQ(rig.report(0).last_log_lines, std::vector<std::string>{"trained"});
  EXPECT_EQ(rig.report(1).last_log_lines, (std::vector<std::string>{"wrapped", "trained"}));
}

TEST(SupervisorTest, SaysThatTheCommandOfARankIsNone) {
  SupervisorRig rig;
  GenerationPlan plan = rig.plan("train");
  plan.wrapper = {"no-such-debugger", "--args"};

  rig.start(plan);
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_THAT(rig.report().message, HasSubstr("must be a program in PATH, but 'no-such-debugger' is none"));
}

TEST(SupervisorTest, CarriesStoreCallsAndTheirAnswers) {
  SupervisorRig rig;
  rig.start(rig.plan("store"));
  ASSERT_TRUE(rig.run_until([&] { return !rig.store_calls().empty(); }));
  const frames::LinkStoreCall call = rig.store_calls().front();
  EXPECT_EQ(call.generation, (GenerationId{1, 1}));
  EXPECT_EQ(call.request.keys, std::vector<std::string>{"key"});

  StoreResponse response;
  response.values = {"answer"};
  rig.to_supervisor(frames::StoreReply{call.id + 1000, {}});  // of nobody
  rig.to_supervisor(frames::StoreReply{call.id, response});
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_EQ(rig.log_lines(), std::vector<std::string>{"value answer"});
}

TEST(SupervisorTest, DropsAnAnswerOfTheStoreToARankThatIsGone) {
  SupervisorRig rig;
  rig.start(rig.plan("store"));
  ASSERT_TRUE(rig.run_until([&] { return !rig.store_calls().empty(); }));
  rig.order(StopGeneration{{1, 1}, 0, "test"});
  ASSERT_TRUE(rig.run_until_stopped());

  rig.to_supervisor(frames::StoreReply{rig.store_calls().front().id, {}});
  rig.start(rig.plan("train", 1, 2));

  EXPECT_TRUE(rig.run_until_stopped(2));
}

TEST(SupervisorTest, StopsRanksWithSigtermFirst) {
  SupervisorRig rig;
  rig.start(rig.plan("wait", 2));
  ASSERT_TRUE(rig.run_until_ready(2));

  rig.order(StopGeneration{{1, 1}, 60'000, "test"});
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_EQ(rig.report(0).signal, SIGTERM);
  EXPECT_EQ(rig.report(1).signal, SIGTERM);
  EXPECT_TRUE(rig.report(0).killed_by_us);
}

TEST(SupervisorTest, KillsWhoIgnoresSigtermAfterTheGracePeriod) {
  SupervisorRig rig;
  rig.start(rig.plan("ignore-sigterm"));
  ASSERT_TRUE(rig.run_until([&] { return rig.all<RankProgress>().size() == 3; }));  // its step

  rig.order(StopGeneration{{1, 1}, 20, "test"});
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_EQ(rig.report().signal, SIGKILL);
  EXPECT_TRUE(rig.report().killed_by_us);
  EXPECT_EQ(rig.report().last_step, 1);
}

TEST(SupervisorTest, KillsAtOnceWithoutAGracePeriod) {
  SupervisorRig rig;
  rig.start(rig.plan("wait"));
  ASSERT_TRUE(rig.run_until_ready());

  rig.order(StopGeneration{{1, 1}, 0, "rank 3 failed"});
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_EQ(rig.report().signal, SIGKILL);
  EXPECT_EQ(rig.report().message, "rank 3 failed");
}

TEST(SupervisorTest, KeepsTheFailureOfARankApartFromTheStopThatFollows) {
  SupervisorRig rig;
  GenerationPlan plan = rig.plan("wait", 2);
  plan.env["PROGRAM_MODE_1"] = "exit3";
  rig.start(plan);
  ASSERT_TRUE(rig.run_until([&] { return rig.all<RankExited>().size() == 1; }));

  rig.order(StopGeneration{{1, 1}, 0, "rank 1 failed"});
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_EQ(rig.report(1).exit_code, 3);
  EXPECT_FALSE(rig.report(1).killed_by_us);
  EXPECT_TRUE(rig.report(0).killed_by_us);
}

TEST(SupervisorTest, AsksRanksWhereTheyCanStopAndLetsThemGoOnToThere) {
  SupervisorRig rig;
  GenerationPlan plan = rig.plan("steps7", 2);
  plan.env["PROGRAM_MODE_1"] = "steps8";
  rig.start(plan);
  ASSERT_TRUE(rig.run_until([&] { return rig.all<RankProgress>().size() == 6; }));  // with the step of each

  rig.order(AskSteps{{1, 1}});
  ASSERT_TRUE(rig.run_until([&] { return rig.all<RankReached>().size() == 2; }));
  for (const RankReached& reached : rig.all<RankReached>()) EXPECT_EQ(reached.step, reached.global_rank + 8);
  rig.order(StopAtStep{{1, 1}, 9});
  ASSERT_TRUE(rig.run_until_stopped());

  for (const int rank : {0, 1}) {
    EXPECT_EQ(rig.report(rank).exit_code, 75);
    EXPECT_EQ(rig.report(rank).last_step, 9);
    EXPECT_FALSE(rig.report(rank).killed_by_us);
  }
}

TEST(SupervisorTest, AnswersForARankThatHasNotBegun) {
  SupervisorRig rig;
  rig.start(rig.plan("silent"));
  ASSERT_TRUE(rig.run_until([&] { return !rig.all<RankProgress>().empty(); }));

  rig.order(AskSteps{{1, 7}});  // of another generation
  rig.order(AskSteps{{1, 1}});
  ASSERT_TRUE(rig.run_until([&] { return !rig.all<RankReached>().empty(); }));

  EXPECT_EQ(rig.all<RankReached>().size(), 1u);
  EXPECT_EQ(rig.all<RankReached>()[0].step, -1);
}

TEST(SupervisorTest, LetsARankGoThatWaitsForTheEndOfItsStepsWhenItIsToEnd) {
  SupervisorRig rig;
  rig.start(rig.plan("hold"));
  ASSERT_TRUE(rig.run_until_ready());
  rig.order(AskSteps{{1, 1}});
  ASSERT_TRUE(rig.run_until([&] { return !rig.all<RankReached>().empty(); }));

  rig.order(StopGeneration{{1, 1}, 60'000, "test"});

  ASSERT_TRUE(rig.run_until_stopped());
  EXPECT_EQ(rig.log_lines(), std::vector<std::string>{"let go"});
}

TEST(SupervisorTest, PassesASignalToThoseRanksAloneThatHandleIt) {
  SupervisorRig rig;
  GenerationPlan plan = rig.plan("wait", 3);
  plan.env["PROGRAM_MODE_1"] = "handle-usr1";
  rig.start(plan);
  ASSERT_TRUE(rig.run_until_ready(3));
  ASSERT_TRUE(rig.run_until([&] { return !rig.log_lines().empty(); }));

  rig.order(SignalRanks{{1, 1}, SIGUSR2});
  rig.order(SignalRanks{{1, 1}, SIGUSR1});
  ASSERT_TRUE(rig.run_until([&] { return rig.log_lines().size() == 2; }));

  EXPECT_EQ(rig.log_lines()[1], "got signal " + std::to_string(SIGUSR1));
  const auto signaled = rig.all<RanksSignaled>();
  ASSERT_EQ(signaled.size(), 2u);
  EXPECT_EQ(signaled[0].num_ranks, 0);
  EXPECT_EQ(signaled[1].num_ranks, 1);
  EXPECT_THAT(rig.all<RankExited>(), IsEmpty()) << ::testing::PrintToString(rig.log_lines(true));
}

TEST(SupervisorTest, KillsAllRanksWhenTheLeaseLapses) {
  SupervisorRig rig;
  rig.start(rig.plan("wait", 2));
  ASSERT_TRUE(rig.run_until_ready(2));

  rig.to_supervisor(frames::LeaseExtended{(rig.clock().now() + 1h).since_boot.count()});
  rig.to_supervisor(frames::LeaseExtended{(rig.clock().now() + 20ms).since_boot.count()});
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_EQ(rig.report().signal, SIGKILL);
  EXPECT_THAT(rig.report().message, HasSubstr("lease"));
}

TEST(SupervisorTest, RunsNothingUnderALapsedLease) {
  SupervisorRig rig;
  rig.to_supervisor(frames::LeaseExtended{rig.clock().now().since_boot.count()});

  rig.start(rig.plan("wait"));

  EXPECT_TRUE(rig.run_until_stopped());
}

TEST(SupervisorTest, ConfirmsTheEndOfAGenerationThatItDoesNotRunAndNeverRunsItThen) {
  SupervisorRig rig;

  rig.order(StopGeneration{{1, 2}, 0, "rank 3 failed"});
  ASSERT_TRUE(rig.run_until_stopped(1));
  rig.start(rig.plan("train", 1, 2));  // it was on its way for longer
  rig.start(rig.plan("train", 1, 3));
  ASSERT_TRUE(rig.run_until_stopped(2));

  EXPECT_EQ(rig.all<GenerationStopped>()[0].generation, (GenerationId{1, 2}));
  EXPECT_EQ(rig.all<GenerationStopped>()[1].generation, (GenerationId{1, 3}));
  EXPECT_EQ(rig.all<RankExited>().size(), 1u);
}

TEST(SupervisorTest, RunsGenerationsOneAfterTheOther) {
  SupervisorRig rig;
  rig.start(rig.plan("wait", 1, 1));
  ASSERT_TRUE(rig.run_until_ready());

  rig.start(rig.plan("train", 1, 3));
  rig.start(rig.plan("train", 1, 2));  // older: refused
  ASSERT_TRUE(rig.run_until_stopped(2));

  const auto stopped = rig.all<GenerationStopped>();
  EXPECT_EQ(stopped[0].generation, (GenerationId{1, 1}));
  EXPECT_EQ(stopped[1].generation, (GenerationId{1, 3}));
}

TEST(SupervisorTest, EndsAllAndSaysGoodbyeOnShutdown) {
  SupervisorRig rig;
  rig.start(rig.plan("ignore-sigterm", 2));
  ASSERT_TRUE(rig.run_until_ready(2));

  rig.order(Shutdown{75, "done"});
  ASSERT_TRUE(rig.run_until([&] { return !rig.all<Goodbye>().empty(); }));

  EXPECT_THAT(rig.all<GenerationStopped>(), IsEmpty()) << "goodbye says it";
  EXPECT_EQ(rig.all<Goodbye>().front().reason, "done");
  EXPECT_EQ(rig.supervisor().exit_code(), 75);
  EXPECT_THAT(process::children(), IsEmpty());
}

TEST(SupervisorTest, GivesUpWhenItsLinkIsGone) {
  SupervisorRig rig;
  rig.start(rig.plan("wait"));
  ASSERT_TRUE(rig.run_until_ready());

  rig.link().close();
  rig.loop().run();  // until the supervisor stops it

  EXPECT_EQ(rig.supervisor().exit_code(), 1);
}

}  // namespace
}  // namespace fabric::agent
