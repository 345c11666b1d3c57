// Programs that do in a static initialiser what a forked rank could not bear.

#include <csignal>
#include <fstream>

#include "worker_faults.h"

namespace fabric {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::job_of;
using testing::JobResult;

class WorkerInitialiserTest : public testing::WorkerFaults {
 protected:
  /// Expects that the ranks were executed for `reason`, and trained.
  void expect_training(const JobResult& result, const std::string& reason) {
    EXPECT_EQ(result.exit_code, 0) << result.describe();
    EXPECT_THAT(result.err, AllOf(HasSubstr("ranks are executed, not forked"), HasSubstr(reason))) << result.describe();
    EXPECT_THAT(result.out, HasSubstr("all 2 ranks came to the end")) << result.describe();
  }
};

TEST_F(WorkerInitialiserTest, NamesTheFunctionThatCrashes) {
  const JobResult result = run(job_of("static_crash", ""));

  EXPECT_EQ(result.exit_code, 128 + SIGSEGV) << result.describe();
  ASSERT_TRUE(result.report.at("first_cause").is_object()) << result.describe();
  EXPECT_THAT(testing::text(result.report.at("first_cause"), "backtrace"), HasSubstr("crash_in_an_initialiser()"));
}

TEST_F(WorkerInitialiserTest, AThreadDoesNotKeepRanksFromTraining) {
  expect_training(run(job_of("static_threads", "")), "threads once it is loaded");
}

TEST_F(WorkerInitialiserTest, APoolOfOpenMPDoesNotKeepRanksFromTraining) {
  expect_training(run(job_of("static_openmp", "")), "threads once it is loaded");
}

TEST_F(WorkerInitialiserTest, AnOpenDeviceDoesNotKeepRanksFromTraining) {
  const std::string device = directory_.file("device");
  std::ofstream{device};

  expect_training(run(job_of("static_device", "") + "env: {TEST_DEVICE: '" + device + "'}\n"), "'" + device + "' open");
}

}  // namespace
}  // namespace fabric
