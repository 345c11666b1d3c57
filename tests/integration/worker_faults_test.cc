// Whatever ends a rank, fabric-run ends soon after, with the right code, and report.json names the rank and the place.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "support/eventually.h"
#include "worker_faults.h"

namespace fabric {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::AllOf;
using testing::eventually;
using ::testing::HasSubstr;
using testing::job_arguments;
using testing::JobResult;
using testing::RunningJob;

using WorkerFaultsTest = testing::WorkerFaults;
using testing::job_of;
using testing::kSoon;
using testing::text;

TEST_F(WorkerFaultsTest, ReturnsZeroWhereThereIsNoFault) {
  const JobResult result = run_fault("none", 0, "steps: 3");

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.out, HasSubstr("all 2 ranks came to the end"));
  EXPECT_TRUE(result.report.at("first_cause").is_null());
  for (const json& rank : result.report.at("ranks")) EXPECT_EQ(rank.at("last_step"), 3) << rank.dump(2);
}

TEST_F(WorkerFaultsTest, KeepsTheCodeThatTrainReturns) {
  const JobResult result = run_fault("none", 0, "code: 5");

  EXPECT_EQ(result.exit_code, 5) << result.describe();
}

TEST_F(WorkerFaultsTest, NamesAnExceptionAndWhereItWasThrown) {
  expect_exception(run_fault("runtime_error"), "std::runtime_error", "the batch must be finite, but is not",
                   "throw_runtime_error()");
}

TEST_F(WorkerFaultsTest, NamesTheRankThatFailedFirst) {
  const json cause = first_cause(run_fault("runtime_error", 0, "steps: 7"), 0);

  EXPECT_EQ(cause.at("last_step"), 7);
}

TEST_F(WorkerFaultsTest, NamesFabricsOwnExceptions) {
  expect_exception(run_fault("usage_error"), "fabric::UsageError", "epochs must be positive, but is -1",
                   "throw_usage_error()");
}

TEST_F(WorkerFaultsTest, NamesWhatAnExceptionWasCausedBy) {
  const JobResult result = run_fault("nested");

  EXPECT_EQ(result.exit_code, 1) << result.describe();
  EXPECT_EQ(text(first_cause(result), "message"), "cannot train: the batch must be finite, but is not");
}

TEST_F(WorkerFaultsTest, NamesWhatIsNoException) { expect_exception(run_fault("int"), "int", "42", "throw_int()"); }

TEST_F(WorkerFaultsTest, NamesATypeThatCannotSayWhy) {
  const JobResult result = run_fault("no_exception");

  EXPECT_EQ(result.exit_code, 1) << result.describe();
  const json cause = first_cause(result);
  EXPECT_THAT(text(cause, "exception_type"), HasSubstr("NoException"));
  EXPECT_THAT(text(cause, "backtrace"), HasSubstr("throw_no_exception()"));
}

TEST_F(WorkerFaultsTest, NamesErrorsOfLibTorchWithoutItsStack) {
  const JobResult result = run_fault("torch_error");

  EXPECT_EQ(result.exit_code, 1) << result.describe();
  const json cause = first_cause(result);
  EXPECT_EQ(text(cause, "exception_type"), "c10::Error");
  EXPECT_EQ(text(cause, "message"), "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)") << result.describe();
  EXPECT_THAT(text(cause, "backtrace"), HasSubstr("multiply_wrong_shapes()"));
}

TEST_F(WorkerFaultsTest, NamesAnExceptionOfAnotherThread) {
  const JobResult result = run_fault("thread");

  EXPECT_EQ(result.exit_code, 128 + SIGABRT) << result.describe();
  const json cause = first_cause(result);
  EXPECT_EQ(text(cause, "exception_type"), "std::runtime_error");
  EXPECT_EQ(text(cause, "message"), "the batch must be finite, but is not");
}

TEST_F(WorkerFaultsTest, NamesAnExceptionThatLeavesANoexceptFunction) {
  const JobResult result = run_fault("noexcept");

  EXPECT_EQ(result.exit_code, 128 + SIGABRT) << result.describe();
  const json cause = first_cause(result);
  EXPECT_EQ(text(cause, "exception_type"), "std::runtime_error");
  EXPECT_THAT(text(cause, "backtrace"), HasSubstr("throw_from_noexcept()"));
}

TEST_F(WorkerFaultsTest, NamesTheFunctionThatWroteToNowhere) {
  expect_signal(run_fault("segfault"), SIGSEGV, "write_to_address_zero()");
}

TEST_F(WorkerFaultsTest, NamesTheFunctionThatDividedByZero) {
  expect_signal(run_fault("divide"), SIGFPE, "divide_by_zero()");
}

TEST_F(WorkerFaultsTest, NamesTheFunctionThatAborted) {
  expect_signal(run_fault("abort"), SIGABRT, "abort_on_purpose()");
}

TEST_F(WorkerFaultsTest, NamesTheFunctionThatUsedUpTheStack) {
  expect_signal(run_fault("overflow"), SIGSEGV, "overflow_the_stack(int)");
}

TEST_F(WorkerFaultsTest, KeepsTheCodeOfARankThatLeaves) {
  const JobResult result = run_fault("exit");

  EXPECT_EQ(result.exit_code, 3) << result.describe();
  EXPECT_EQ(first_cause(result).at("exit_code"), 3);
}

TEST_F(WorkerFaultsTest, StopsRanksThatHang) {
  RunningJob job(directory_, job_arguments(directory_, job_of("faults", "fault: hang, rank: 1")));
  ASSERT_TRUE(job.wait_for_events("rank_ready", 2));

  job.signal(SIGTERM);

  const JobResult result = job.wait(5s);  // the grace period is 10 s
  EXPECT_EQ(result.exit_code, 128 + SIGTERM) << result.describe();
  EXPECT_EQ(result.report.at("outcome"), "stopped");
}

TEST_F(WorkerFaultsTest, KillsARankThatIsDeafWhenTheGraceIsOver) {
  const std::string job_text = job_of("faults", "fault: deaf, rank: 1") + "elastic: {grace: 500ms}\n";
  RunningJob job(directory_, job_arguments(directory_, job_text));
  const auto log = directory_.path() / "runs/latest/logs/gen-1.1/rank-1.log";
  ASSERT_TRUE(eventually(kSoon, [&] { return std::filesystem::exists(log) && std::filesystem::file_size(log) > 0; }));

  job.signal(SIGTERM);

  const JobResult result = job.wait(5s);
  EXPECT_EQ(result.exit_code, 128 + SIGTERM) << result.describe();
  for (const json& rank : result.report.at("ranks")) {
    EXPECT_EQ(rank.at("signal"), rank.at("rank") == 1 ? SIGKILL : SIGTERM) << result.describe();
  }
}

TEST_F(WorkerFaultsTest, EndsWhatARankStartedAndLeft) {
  const JobResult result = run_fault("grandchild", 0);

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  const size_t at = result.out.find("grandchild ");
  ASSERT_NE(at, std::string::npos) << result.describe();
  const int pid = std::stoi(result.out.substr(at + 11));
  EXPECT_EQ(::kill(pid, 0), -1) << "process " << pid << " must have been ended with its rank";
}

TEST_F(WorkerFaultsTest, KeepsEveryLineOfARankThatFloods) {
  const JobResult result = run_fault("flood", 1);

  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::ifstream log(result.run_directory / "logs/gen-1.1/rank-1.log");
  int count = 0;
  for (std::string line; std::getline(log, line); ++count) {
    ASSERT_EQ(line, "line " + std::to_string(count) + " of many");
  }
  EXPECT_EQ(count, 100'000);
}

TEST_F(WorkerFaultsTest, RefusesASharedObjectThatIsNoProgram) {
  const JobResult result = run(job_of("no_program", ""));

  EXPECT_EQ(result.exit_code, 78) << result.describe();
  EXPECT_THAT(result.err, AllOf(HasSubstr("no_program.so"), HasSubstr("FABRIC_PROGRAM"))) << result.describe();
}

TEST_F(WorkerFaultsTest, RefusesAProgramThatWasBuiltAgainstAnotherLibTorchBeforeAnythingStarts) {
  const JobResult result = run(job_of("other_torch", ""));

  EXPECT_EQ(result.exit_code, 78) << result.describe();
  EXPECT_THAT(
      result.err,
      AllOf(HasSubstr("job.yaml:2:10: program '"), HasSubstr("other_torch.so': "),
            HasSubstr("LibTorch must be '2.11.0', but is '1.13.1': build it against the LibTorch that Fabric uses")))
      << result.describe();
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "runs"));
}

TEST_F(WorkerFaultsTest, NamesAFunctionThatAProgramLacksBeforeAnythingStarts) {
  const JobResult result = run(job_of("undefined_symbol", ""));

  EXPECT_EQ(result.exit_code, 78) << result.describe();
  EXPECT_THAT(result.err, AllOf(HasSubstr("job.yaml:2:10: program '"),
                                HasSubstr("undefined_symbol.so' must find all that it calls, but nothing defines "
                                          "'forgotten::train_the_model(fabric::Fabric&)'; link what defines it")))
      << result.describe();
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "runs"));
}

}  // namespace
}  // namespace fabric
