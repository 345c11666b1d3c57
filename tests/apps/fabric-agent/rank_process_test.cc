#include "rank_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "supervisor_rig.h"

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

}  // namespace
}  // namespace fabric::agent
