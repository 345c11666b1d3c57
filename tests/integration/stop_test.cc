// Real ranks that are stopped by Ctrl-C at whatever moment: all at one step, with their state saved, or not at all.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <optional>
#include <random>
#include <sstream>
#include <thread>

#include "support/eventually.h"
#include "support/fabric_run.h"

namespace fabric {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::eventually;
using ::testing::HasSubstr;
using testing::job_arguments;
using testing::JobResult;
using testing::RunningJob;
using testing::TemporaryDirectory;

constexpr int kRanks = 3;

std::string job_of(const std::string& args, const std::string& elastic) {
  std::ostringstream job;
  job << "name: steps\nprogram: " << FABRIC_TEST_WORKERS_DIR << "/steps.so\nargs: {" << args << "}\n"
      << "fabric: {accelerator: cpu, strategy: auto, devices: " << kRanks << "}\nelastic: {" << elastic
      << "}\nthreads: 1\n";
  return job.str();
}

class StopTest : public ::testing::Test {
 protected:
  /// Starts a job and returns once all ranks have done a step.
  void start(const std::string& args = "quiet: -1", const std::string& elastic = "max_restarts: 0") {
    job_.emplace(directory_, job_arguments(directory_, job_of(args, elastic)));
    for (int rank = 0; rank < kRanks; ++rank) ASSERT_TRUE(prints(rank, "first step"));
  }
  /// Returns whether the log of a rank comes to hold the text.
  bool prints(int rank, const std::string& wanted) const {
    const auto log = directory_.path() / ("runs/latest/logs/gen-1.1/rank-" + std::to_string(rank) + ".log");
    return eventually(60s, [&] {
      std::ostringstream text;
      text << std::ifstream(log).rdbuf();
      return text.str().find(wanted) != std::string::npos;
    });
  }
  TemporaryDirectory directory_;
  std::optional<RunningJob> job_;
};

class StopAtRandomTest : public StopTest, public ::testing::WithParamInterface<int> {};

TEST_P(StopAtRandomTest, AllRanksStopAtOneStepWithTheirStateSaved) {
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  ASSERT_NO_FATAL_FAILURE(start());

  std::this_thread::sleep_for(std::chrono::microseconds(random() % 100'000));
  job_->signal(SIGINT);

  const JobResult result = job_->wait(30s);
  ASSERT_EQ(result.exit_code, 75) << result.describe();
  const json step = result.report.at("ranks").at(0).at("last_step");
  for (const json& rank : result.report.at("ranks")) {
    EXPECT_EQ(rank.at("last_step"), step) << result.describe();
    EXPECT_EQ(rank.at("last_log_lines").back(), "stopped at step " + step.dump()) << result.describe();
  }
  EXPECT_TRUE(std::filesystem::exists(result.run_directory / ("checkpoints/step-" + step.dump() + ".ckpt")));
}

INSTANTIATE_TEST_SUITE_P(TwentyTimes, StopAtRandomTest, ::testing::Range(0, 20));

TEST_F(StopTest, WhereARankEndsNoStepsAllAreEndedWithSigterm) {
  ASSERT_NO_FATAL_FAILURE(start("quiet: 1"));

  job_->signal(SIGINT);

  const JobResult result = job_->wait(30s);
  EXPECT_EQ(result.exit_code, 128 + SIGINT) << result.describe();
  EXPECT_EQ(result.report.at("outcome"), "stopped");
  for (const json& rank : result.report.at("ranks")) EXPECT_EQ(rank.at("signal"), SIGTERM) << rank.dump(2);
  EXPECT_FALSE(std::filesystem::exists(result.run_directory / "checkpoints/step-1.ckpt"));
}

TEST_F(StopTest, WhereARankIsStuckInAStepAllAreEndedWhenTheStopTimeoutIsOver) {
  ASSERT_NO_FATAL_FAILURE(start("stuck: 2", "stop_timeout: 500ms, grace: 2s"));
  ASSERT_TRUE(prints(2, "stuck"));

  job_->signal(SIGINT);

  const JobResult result = job_->wait(30s);
  EXPECT_EQ(result.exit_code, 128 + SIGINT) << result.describe();
  EXPECT_EQ(result.report.at("outcome"), "stopped");
  EXPECT_TRUE(result.report.at("first_cause").is_null()) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("exit code 130"));
}

}  // namespace
}  // namespace fabric
