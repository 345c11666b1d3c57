#include "rank_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <sstream>

#include "supervisor_rig.h"
#include "support/kernel_files.h"

namespace fabric::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(RankProcessTest, ReportsAnExceptionAsTheWorkerToldIt) {
  SupervisorRig rig;

  rig.start(rig.plan("throw"));
  ASSERT_TRUE(rig.run_until_stopped());

  const ExitReport report = rig.report();
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_EQ(report.exception_type, "std::runtime_error");
  EXPECT_EQ(report.message, "no data");
  EXPECT_EQ(report.backtrace, "train+0x1 in model.so");
}

TEST(RankProcessTest, ReportsACrashWithItsDemangledStackAndLastLines) {
  SupervisorRig rig;

  rig.start(rig.plan("abort"));
  ASSERT_TRUE(rig.run_until_stopped());

  const ExitReport report = rig.report();
  EXPECT_EQ(report.signal, SIGABRT);
  EXPECT_FALSE(report.killed_by_us);
  EXPECT_EQ(report.backtrace, "net::forward(int)+0x1f in ./model.so\n+0x23d0a in /lib/libc.so.6");
  EXPECT_EQ(report.last_log_lines, std::vector<std::string>{"about to crash"});
  EXPECT_EQ(rig.log_lines(true), std::vector<std::string>{"about to crash"});
}

TEST(RankProcessTest, AWorkerThatLeavesBeforeTrainReturnsHasFailedWhateverItsExitStatus) {
  SupervisorRig rig;

  rig.start(rig.plan("exit0"));
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_EQ(rig.report().exit_code, 1);
  EXPECT_EQ(rig.report().message, "train() had not returned when the process left");
  EXPECT_FALSE(rig.report().killed_by_us);
}

TEST(RankProcessTest, KeepsTheCodeThatTrainReturned) {
  SupervisorRig rig;

  rig.start(rig.plan("return5"));
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_EQ(rig.report().exit_code, 5);
  EXPECT_EQ(rig.report().message, "");
}

TEST(RankProcessTest, ARankThatIsKilledWhileItDescribesItsExceptionHasFailedByItself) {
  SupervisorRig rig;
  rig.start(rig.plan("describe-exception"));
  ASSERT_TRUE(rig.run_until([&] { return rig.all<RankProgress>().size() == 3; }));  // its step

  rig.order(StopGeneration{{1, 1}, 0, "another rank failed"});
  const int64_t stopped_at = rig.clock().now().since_boot.count();
  ASSERT_TRUE(rig.run_until_stopped());

  const ExitReport report = rig.report();
  EXPECT_FALSE(report.killed_by_us);
  EXPECT_EQ(report.message, "no data");
  EXPECT_EQ(report.shell_code(), 1);
  EXPECT_LT(report.time_ns, stopped_at);
}

TEST(RankProcessTest, ARankThatIsKilledWhileItDescribesItsCrashHasCrashed) {
  SupervisorRig rig;
  rig.start(rig.plan("describe-crash"));
  ASSERT_TRUE(rig.run_until([&] { return rig.all<RankProgress>().size() == 3; }));  // its step

  rig.order(StopGeneration{{1, 1}, 0, "another rank failed"});
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_FALSE(rig.report().killed_by_us);
  EXPECT_EQ(rig.report().signal, SIGSEGV);
}

TEST(RankProcessTest, SaysThatTheKernelKilledARankForWantOfMemory) {
  testing::KernelFiles kernel;
  kernel.write("/proc/self/cgroup", "0::/job\n");
  kernel.write("/sys/fs/cgroup/job/memory.events", "oom_kill 0\n");
  SupervisorRig rig({}, FABRIC_RANK_PROGRAM, kernel.node_files());
  GenerationPlan plan = rig.plan("want-memory", 2);
  plan.env["MEMORY_EVENTS"] = kernel.path("/sys/fs/cgroup/job/memory.events");
  plan.env["PROGRAM_MODE_1"] = "wait";

  rig.start(plan);
  ASSERT_TRUE(rig.run_until([&] { return rig.all<RankExited>().size() == 1; }));
  rig.order(StopGeneration{{1, 1}, 0, "rank 0 failed"});
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_EQ(rig.report(0).out_of_memory, "the kernel's memory killer ended 1 process of cgroup /job");
  EXPECT_THAT(describe(rig.report(0)), HasSubstr("was killed by the kernel for want of memory (SIGKILL)"));
  EXPECT_EQ(rig.report(1).out_of_memory, "") << "it was killed by its supervisor";
}

TEST(RankProcessTest, NamesTheCoreThatIsThere) {
  const std::string pattern = first_line("/proc/sys/kernel/core_pattern");
  if (pattern.empty() || pattern.starts_with('/') || pattern.starts_with('|')) {
    GTEST_SKIP() << "cores would not go to the rank's directory: core_pattern is '" << pattern << "'";
  }
  SupervisorRig rig;

  rig.start(rig.plan("dump-core"));
  ASSERT_TRUE(rig.run_until_stopped());

  const ExitReport report = rig.report();
  EXPECT_TRUE(report.core_dumped);
  EXPECT_THAT(report.core_file, HasSubstr(rig.directory() + "/"));
  EXPECT_THAT(rig.file(report.core_file).substr(0, 4),
              "\x7f"
              "ELF");
}

TEST(RankProcessTest, ReportsAWorkerThatCannotBeExecuted) {
  SupervisorRig rig({}, "/nowhere/fabric-worker");

  rig.start(rig.plan("train", 2));
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_EQ(rig.report(1).exit_code, 1);
  EXPECT_EQ(rig.report(1).message, "cannot start program '/nowhere/fabric-worker': No such file or directory");
}

TEST(RankProcessTest, ReportsALogThatCannotBeOpened) {
  SupervisorRig rig;
  GenerationPlan plan = rig.plan("train");
  plan.run_directory = "/proc/nowhere";

  rig.start(plan);
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_FALSE(rig.report().ok());
  EXPECT_THAT(rig.report().message, HasSubstr("/proc/nowhere/logs"));
}

TEST(RankProcessTest, EndsAWorkerOfAnotherProtocolVersion) {
  SupervisorRig rig;

  rig.start(rig.plan("bad-version"));
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_THAT(rig.report().message, HasSubstr("protocol, but the worker's is 99"));
  EXPECT_FALSE(rig.report().killed_by_us);
}

TEST(RankProcessTest, EndsAWorkerWhoseFramesComeOutOfOrder) {
  SupervisorRig rig;

  rig.start(rig.plan("ready-twice"));
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_THAT(rig.report().message, HasSubstr("in another order"));
}

TEST(RankProcessTest, EndsAWorkerThatSendsGarbage) {
  SupervisorRig rig;

  rig.start(rig.plan("garbage"));
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_THAT(rig.report().message, HasSubstr("cannot read"));
  EXPECT_FALSE(rig.report().killed_by_us);
}

TEST(RankProcessTest, EndsAWorkerThatStaysSilent) {
  RankLimits limits;
  limits.hello = 20ms;
  SupervisorRig rig(limits);

  rig.start(rig.plan("silent"));
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_THAT(rig.report().message, HasSubstr("silent"));
}

TEST(RankProcessTest, EndsAWorkerThatGoesOnWithoutItsConnection) {
  RankLimits limits;
  limits.exit_after_close = 20ms;
  SupervisorRig rig(limits);

  rig.start(rig.plan("close"));
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_THAT(rig.report().message, HasSubstr("closed its connection"));
  EXPECT_EQ(rig.report().signal, SIGKILL);
}

TEST(RankProcessTest, LeavesAWorkerAloneThatAToolHoldsStill) {
  RankLimits limits;
  limits.hello = limits.exit_after_close = 20ms;
  for (const char* mode : {"silent", "close"}) {
    SupervisorRig rig(limits);
    GenerationPlan plan = rig.plan(mode, 2);
    plan.wrapper = {"env"};
    plan.wrapped_ranks = {0};

    rig.start(plan);
    ASSERT_TRUE(rig.run_until([&] { return !rig.all<RankExited>().empty(); })) << mode;

    EXPECT_EQ(rig.report(1).signal, SIGKILL) << mode;
    EXPECT_EQ(rig.all<RankExited>().size(), 1u) << mode << ": the deadline of rank 0 would have come before";
  }
}

TEST(RankProcessTest, DoesNotWaitForAGrandchildThatHoldsTheOutput) {
  RankLimits limits;
  limits.drain = 20ms;
  SupervisorRig rig(limits);

  rig.start(rig.plan("grandchild"));
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_TRUE(rig.report().ok());
  EXPECT_THAT(rig.log_lines().at(0), HasSubstr("grandchild"));
  EXPECT_TRUE(process::children().empty());  // the grandchild had a session of its own
}

TEST(RankProcessTest, ReportsAFailureAtOnceWhateverHoldsTheOutput) {
  RankLimits limits;
  limits.drain = 1h;
  SupervisorRig rig(limits);

  rig.start(rig.plan("grandchild-exit3"));
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_EQ(rig.report().exit_code, 3);
  EXPECT_THAT(rig.log_lines().at(0), HasSubstr("grandchild"));
  EXPECT_TRUE(process::children().empty());
}

TEST(RankProcessTest, WritesAFloodToTheLogAndNeverBlocks) {
  SupervisorRig rig;

  rig.start(rig.plan("flood"));
  ASSERT_TRUE(rig.run_until_stopped());

  const ExitReport report = rig.report();
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.last_log_lines.size(), 50u);
  EXPECT_EQ(report.last_log_lines.back(), "end of flood");
  EXPECT_EQ(rig.file(report.log_path).size(), 16'000'000u + 13);
  uint64_t lines = 0;
  for (const LogLines& message : rig.all<LogLines>()) lines += message.lines.size() + message.dropped;
  EXPECT_LE(lines, 200'001u);
}

TEST(RankProcessTest, LogsWholeLinesOfBothStreams) {
  SupervisorRig rig;

  rig.start(rig.plan("flood-both"));
  ASSERT_TRUE(rig.run_until_stopped());

  std::istringstream log(rig.file(rig.report().log_path));
  int next_out = 0;
  int next_err = 0;
  for (std::string line; std::getline(log, line);) {
    int& next = line.starts_with("out ") ? next_out : next_err;
    const std::string expected = (&next == &next_out ? "out " : "err ") + std::to_string(next) + std::string(70, '.');
    ASSERT_EQ(line, expected);
    ++next;
  }
  EXPECT_EQ(next_out, 500'000);
  EXPECT_EQ(next_err, 500'000);
}

TEST(RankProcessTest, ContinuesALogThatHasReachedItsLimitInAnotherFile) {
  SupervisorRig rig;
  GenerationPlan plan = rig.plan("flood");
  plan.log_rotate_bytes = 5'000'000;

  rig.start(plan);
  ASSERT_TRUE(rig.run_until_stopped());

  const std::string logs = rig.directory() + "/logs/gen-1.1/";
  EXPECT_EQ(rig.report().log_path, logs + "rank-0.3.log");
  for (const char* name : {"rank-0.log", "rank-0.1.log", "rank-0.2.log"}) {
    EXPECT_EQ(rig.file(logs + name).size(), 5'000'000u) << "62500 lines of 80 bytes";
  }
  EXPECT_EQ(rig.file(logs + "rank-0.3.log").size(), 1'000'013u);
}

TEST(RankProcessTest, GoesOnWithARankWhoseLogCannotBeWritten) {
  SupervisorRig rig;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{7, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);

  rig.start(rig.plan("flood"));
  const bool stopped = rig.run_until_stopped();

  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_TRUE(stopped);
  EXPECT_TRUE(rig.report().ok());
  EXPECT_EQ(rig.report().last_log_lines.back(), "end of flood");
  EXPECT_EQ(rig.file(rig.report().log_path), "xxxxxxx");
  EXPECT_GT(rig.log_lines(true).size(), 1000u);
}

TEST(RankProcessTest, KeepsAVeryLongLineWhole) {
  SupervisorRig rig;
  GenerationPlan plan = rig.plan("long-line");
  plan.log_rotate_bytes = 1'000'000;

  rig.start(plan);
  ASSERT_TRUE(rig.run_until_stopped());

  const std::string logs = rig.directory() + "/logs/gen-1.1/";
  EXPECT_EQ(std::filesystem::file_size(logs + "rank-0.log"), 100'000'001u);
  EXPECT_EQ(rig.file(logs + "rank-0.1.log"), "end\n");
  EXPECT_EQ(rig.report().last_log_lines.back(), "end");
  for (const std::string& line : rig.log_lines()) EXPECT_LE(line.size(), process::kMaxLineBytes);
}

TEST(RankProcessTest, GoesOnWithARankThatClosesItsStdout) {
  SupervisorRig rig;

  rig.start(rig.plan("close-stdout"));
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_TRUE(rig.report().ok());
  EXPECT_EQ(rig.file(rig.report().log_path), "still here\n");
  EXPECT_EQ(rig.log_lines(true), std::vector<std::string>{"still here"});
}

TEST(RankProcessTest, KeepsTheBeginningOfALineInWhichTheRankWasKilled) {
  SupervisorRig rig;

  rig.start(rig.plan("half-line"));
  ASSERT_TRUE(rig.run_until_stopped());

  EXPECT_EQ(rig.report().signal, SIGKILL);
  EXPECT_EQ(rig.file(rig.report().log_path), "whole\nhalf");
  EXPECT_EQ(rig.log_lines(), (std::vector<std::string>{"whole", "half"}));
  EXPECT_EQ(rig.report().last_log_lines, (std::vector<std::string>{"whole", "half"}));
}

}  // namespace
}  // namespace fabric::agent
