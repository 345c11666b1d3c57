// How a rank ends where an exit status alone would not tell, and what the report makes of it.

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "support/control_group.h"
#include "worker_faults.h"

namespace fabric {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::JobResult;
using ::testing::Not;
using testing::text;

using WorkerEndTest = testing::WorkerFaults;

TEST_F(WorkerEndTest, ARankThatLeavesWithZeroHasFailed) {
  const JobResult result = run_fault("leave");

  EXPECT_EQ(result.exit_code, 1) << result.describe();
  const json cause = first_cause(result);
  EXPECT_EQ(text(cause, "message"), "train() had not returned when _exit(0) was called");
  EXPECT_THAT(text(cause, "backtrace"), HasSubstr("leave_as_if_all_were_well()")) << result.describe();
}

TEST_F(WorkerEndTest, NamesWhoCalledExit) {
  const JobResult result = run_fault("exit");

  EXPECT_EQ(result.exit_code, 3) << result.describe();
  const json cause = first_cause(result);
  EXPECT_EQ(text(cause, "message"), "train() had not returned when exit(3) was called");
  EXPECT_THAT(text(cause, "backtrace"), HasSubstr("leave_with_code_3()")) << result.describe();
}

TEST_F(WorkerEndTest, SaysWhatAnExitStatusCannotKeep) {
  const JobResult result = run_fault("exit300");

  EXPECT_EQ(result.exit_code, 44) << result.describe();
  EXPECT_THAT(text(first_cause(result), "message"),
              HasSubstr("exit(300) was called, of which an exit status keeps 44"));
}

TEST_F(WorkerEndTest, SaysWhatOfTheValueOfTrainAnExitStatusCannotKeep) {
  const JobResult result = run_fault("none", 0, "code: 300");

  EXPECT_EQ(result.exit_code, 44) << result.describe();
  const json& cause = result.report.at("first_cause");
  EXPECT_EQ(text(cause, "message"), "train() returned 300, of which an exit status keeps 44") << result.describe();
}

TEST_F(WorkerEndTest, AValueOfWhichAnExitStatusKeepsNothingIsAFailureAllTheSame) {
  const JobResult result = run_fault("none", 0, "code: 256");

  EXPECT_EQ(result.exit_code, 1) << result.describe();
  EXPECT_THAT(text(result.report.at("first_cause"), "message"), HasSubstr("train() returned 256"));
}

TEST_F(WorkerEndTest, NamesTheFunctionThatCrashedInAnotherThread) {
  expect_signal(run_fault("thread_segfault"), SIGSEGV, "write_to_address_zero()");
}

TEST_F(WorkerEndTest, SaysWhyThereIsNoBacktraceOfAnOverflowInAnotherThread) {
  const JobResult result = run_fault("thread_overflow");

  EXPECT_EQ(result.exit_code, 128 + SIGSEGV) << result.describe();
  EXPECT_THAT(text(first_cause(result), "message"), HasSubstr("uses up its stack"));
}

TEST_F(WorkerEndTest, SaysWhatEndedAProgramWithoutAnException) {
  const JobResult result = run_fault("terminate");

  EXPECT_EQ(result.exit_code, 128 + SIGABRT) << result.describe();
  const json cause = first_cause(result);
  EXPECT_THAT(text(cause, "message"), HasSubstr("std::terminate() was called without an exception"));
  EXPECT_THAT(text(cause, "backtrace"), HasSubstr("forget_to_join()")) << result.describe();
}

TEST_F(WorkerEndTest, SaysThatAKillCameFromOutside) {
  const JobResult result = run_fault("kill");

  EXPECT_EQ(result.exit_code, 128 + SIGKILL) << result.describe();
  EXPECT_FALSE(first_cause(result).at("killed_by_us").get<bool>());
  EXPECT_THAT(result.err, HasSubstr("SIGKILL came from outside of Fabric"));
}

TEST_F(WorkerEndTest, NamesTheLimitUnderWhichMemoryWasWanting) {
  const JobResult result = run_fault("memory");

  EXPECT_EQ(result.exit_code, 1) << result.describe();
  const json cause = first_cause(result);
  EXPECT_EQ(text(cause, "exception_type"), "std::bad_alloc");
  EXPECT_THAT(text(cause, "message"), HasSubstr("MiB of address space (RLIMIT_AS)"));
  EXPECT_THAT(text(cause, "backtrace"), HasSubstr("allocate_too_much()"));
}

TEST_F(WorkerEndTest, NamesTheLimitUnderWhichATensorFoundNoMemory) {
  const JobResult result = run_fault("tensor");

  EXPECT_EQ(result.exit_code, 1) << result.describe();
  EXPECT_THAT(text(first_cause(result), "message"),
              AllOf(HasSubstr("you tried to allocate 4294967296 bytes"), HasSubstr("(RLIMIT_AS)")));
}

TEST_F(WorkerEndTest, SaysThatTheKernelKilledARankForWantOfMemory) {
  const testing::ControlGroup group(uint64_t{1} << 30);
  if (!group.why_not().empty()) GTEST_SKIP() << group.why_not();

  const JobResult result = run_fault("eat_memory");

  EXPECT_EQ(result.exit_code, 128 + SIGKILL) << result.describe();
  EXPECT_THAT(text(first_cause(result), "out_of_memory"), HasSubstr("(limit 1024 MiB)"));
  EXPECT_THAT(result.err, HasSubstr("was killed by the kernel for want of memory"));
}

TEST_F(WorkerEndTest, AChildOfARankThatCrashesOrExitsIsNoFailureOfTheRank) {
  for (const char* fault : {"child_crash", "child_exit"}) {
    const JobResult result = run_fault(fault);

    EXPECT_EQ(result.exit_code, 0) << fault << '\n' << result.describe();
    for (const json& rank : result.report.at("ranks")) EXPECT_THAT(text(rank, "backtrace"), IsEmpty());
  }
}

TEST_F(WorkerEndTest, NothingOfAForkBombIsLeft) {
  const std::string mark = directory_.file("mark");

  const JobResult result =
      run(testing::job_of("faults", "fault: fork_bomb, rank: 1") + "env: {TEST_MARK: '" + mark + "'}\n");

  EXPECT_EQ(result.exit_code, 1) << result.describe();
  EXPECT_EQ(text(first_cause(result), "exception_type"), "std::runtime_error");
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "environ");
    const std::string environment(std::istreambuf_iterator<char>(file), {});
    EXPECT_THAT(environment, Not(HasSubstr(mark))) << entry.path() << " is left";
  }
}

TEST_F(WorkerEndTest, ARankMayCloseItsStdout) {
  const JobResult result = run_fault("close_stdout");

  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.out, HasSubstr("all 2 ranks came to the end"));
}

TEST_F(WorkerEndTest, ALineWithoutEndLeavesTheReportReadable) {
  const JobResult result = run_fault("long_line");

  EXPECT_EQ(result.exit_code, 1) << result.err.substr(0, 1000);
  const json cause = first_cause(result);
  EXPECT_EQ(text(cause, "message"), "the batch must be finite, but is not");
  EXPECT_LT(cause.dump().size(), 100'000u);
}

TEST_F(WorkerEndTest, TheSummaryIsShortAndSaysThingsOnce) {
  const JobResult result = run_fault("runtime_error");

  const std::string summary = result.err.substr(result.err.find("fabric-run: the job failed"));
  EXPECT_EQ(summary.find("the batch must be finite"), summary.rfind("the batch must be finite")) << summary;
  EXPECT_THAT(summary, AllOf(HasSubstr("throw_runtime_error()+0x"), HasSubstr("in faults.so"))) << summary;
  EXPECT_THAT(summary, Not(HasSubstr("run_program"))) << summary;
  EXPECT_LE(std::count(summary.begin(), summary.end(), '\n'), 15) << summary;
}

}  // namespace
}  // namespace fabric
