// The real fabric-run and fabric-agent with ranks that do as PROGRAM_MODE says (fabric-agent/rank_program.cc).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "support/eventually.h"
#include "support/fabric_run.h"
#include "support/file_text.h"
#include "support/processes.h"

namespace fabric::launcher {
namespace {

using namespace std::chrono_literals;
using fabric::testing::children_of;
using fabric::testing::descendants_of;
using fabric::testing::eventually;
using fabric::testing::is_alive;
using fabric::testing::job_arguments;
using fabric::testing::JobResult;
using fabric::testing::run_job;
using fabric::testing::RunningJob;
using fabric::testing::TemporaryDirectory;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

/// A job of `ranks` ranks; `more` are lines of its own, `env` entries of its map env.
std::string job_of(int ranks, const std::string& env, const std::string& more = "") {
  std::ostringstream job;
  job << "name: test\nprogram: " << FABRIC_NOTED_PROGRAM
      << "\nfabric: {accelerator: cpu, strategy: auto, devices: " << ranks << "}\nenv: {" << env << "}\n"
      << more;
  return job.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool all_end(const std::vector<pid_t>& pids) {
  return eventually(5s, [&] { return std::none_of(pids.begin(), pids.end(), is_alive); });
}

class JobRunTest : public ::testing::Test {
 protected:
  JobResult run(const std::string& job, const std::vector<std::string>& flags = {}) {
    return run_job(directory_, job, flags);
  }
  TemporaryDirectory directory_;
};

TEST_F(JobRunTest, ShowsTheLinesOfItsRanksAndEndsWell) {
  const JobResult result = run(job_of(2, "PROGRAM_MODE: train"), {"--no-fold"});

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(lines_of(result.out), UnorderedElementsAre("[rank 0] trained", "[rank 1] trained"));
  EXPECT_EQ(result.report.at("outcome"), "completed");
  EXPECT_EQ(result.report.at("ranks").size(), 2u);
  EXPECT_TRUE(result.report.at("first_cause").is_null());
}

TEST_F(JobRunTest, WritesItsEventsInOrder) {
  const JobResult result = run(job_of(1, "PROGRAM_MODE: train"));

  std::vector<std::string> names;
  for (const auto& event : result.events) names.push_back(event.at("event"));
  EXPECT_THAT(names, ElementsAre("run_started", "agent_joined", "generation_started", "rank_started", "rank_ready",
                                 "rank_exited", "generation_stopped", "job_finished"))
      << result.describe();
  int64_t last = 0;
  for (const auto& event : result.events) {
    EXPECT_GE(event.at("time_ns").get<int64_t>(), last);
    last = event.at("time_ns");
  }
}

TEST_F(JobRunTest, EndsWithTheCodeOfTheFirstRankThatFails) {
  const JobResult result = run(job_of(3, "PROGRAM_MODE: wait, PROGRAM_MODE_1: exit3"));

  EXPECT_EQ(result.exit_code, 3) << result.describe();
  EXPECT_EQ(result.report.at("outcome"), "failed");
  EXPECT_EQ(result.report.at("first_cause").at("rank"), 1);
  for (const auto& rank : result.report.at("ranks")) EXPECT_EQ(rank.at("killed_by_us"), rank.at("rank") != 1);
  EXPECT_THAT(result.err, HasSubstr("first cause: rank 1"));
}

TEST_F(JobRunTest, NamesTheSignalTheBacktraceAndTheLog) {
  const JobResult result = run(job_of(2, "PROGRAM_MODE: wait, PROGRAM_MODE_0: abort"));

  EXPECT_EQ(result.exit_code, 128 + SIGABRT) << result.describe();
  const auto& cause = result.report.at("first_cause");
  EXPECT_EQ(cause.at("signal"), SIGABRT);
  EXPECT_THAT(cause.at("backtrace").get<std::string>(), HasSubstr("net::forward(int)"));
  EXPECT_THAT(result.err, AllOf(HasSubstr("SIGABRT"), HasSubstr("net::forward(int)"), HasSubstr("about to crash")));
  EXPECT_TRUE(std::filesystem::exists(cause.at("log_path").get<std::string>()));
}

TEST_F(JobRunTest, NamesTheException) {
  const JobResult result = run(job_of(1, "PROGRAM_MODE: throw"));

  EXPECT_EQ(result.exit_code, 1) << result.describe();
  EXPECT_EQ(result.report.at("first_cause").at("exception_type"), "std::runtime_error");
  EXPECT_THAT(result.err, AllOf(HasSubstr("std::runtime_error"), HasSubstr("no data")));
}

TEST_F(JobRunTest, PrintsNothingButJsonWhereAskedTo) {
  const JobResult result = run(job_of(2, "PROGRAM_MODE: train"), {"--json"});

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  int logs = 0;
  for (const std::string& line : lines_of(result.out)) logs += nlohmann::json::parse(line).at("event") == "log";
  EXPECT_EQ(logs, 2);
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(JobRunTest, ShowsOnlyTheRanksThatTheJobNames) {
  const JobResult result = run(job_of(3, "PROGRAM_MODE: train", "output: {ranks: [1]}\n"));

  EXPECT_THAT(lines_of(result.out), ElementsAre("[rank 1] trained")) << result.describe();
}

TEST_F(JobRunTest, StopsOnSigtermAndSaysSo) {
  RunningJob job(directory_, job_arguments(directory_, job_of(2, "PROGRAM_MODE: wait")));
  ASSERT_TRUE(job.wait_for_events("rank_ready", 2));
  const std::vector<pid_t> processes = descendants_of(job.pid());

  job.signal(SIGTERM);

  const JobResult result = job.wait();
  EXPECT_EQ(result.exit_code, 128 + SIGTERM) << result.describe();
  EXPECT_EQ(result.report.at("outcome"), "stopped");
  EXPECT_EQ(processes.size(), 5u) << "link, supervisor, fork server and two ranks";
  EXPECT_TRUE(all_end(processes));
}

TEST_F(JobRunTest, KillsRanksThatIgnoreSigtermOnTheSecondSignal) {
  RunningJob job(directory_, job_arguments(directory_, job_of(2, "PROGRAM_MODE: ignore-sigterm")));
  ASSERT_TRUE(job.wait_for_events("rank_ready", 2));

  job.signal(SIGINT);
  ASSERT_TRUE(job.wait_for_events("stop_requested", 1));
  job.signal(SIGINT);

  const JobResult result = job.wait(5s);  // the grace period is 10 s
  EXPECT_FALSE(result.timed_out) << result.describe();
  EXPECT_EQ(result.exit_code, 128 + SIGINT) << result.describe();
}

TEST_F(JobRunTest, RestartsWithinTheBudgetAndKeepsTheLogsOfAllGenerations) {
  const JobResult result = run(job_of(1, "PROGRAM_MODE: throw", "elastic: {max_restarts: 4}\n"));

  EXPECT_EQ(result.exit_code, 1) << result.describe();
  EXPECT_EQ(result.report.at("restarts"), 4) << "it has no steps, so the budget alone counts";
  EXPECT_THAT(result.report.at("reason").get<std::string>(), HasSubstr("all 4 restarts are used up"));
  for (const char* const generation : {"1.1", "1.5"}) {
    EXPECT_TRUE(std::filesystem::exists(result.run_directory / "logs" / (std::string("gen-") + generation)));
  }
}

TEST_F(JobRunTest, EndsWith93WhenRestartsComeNoFurther) {
  const JobResult result = run(job_of(1, "PROGRAM_MODE: fail-at-2", "elastic: {max_restarts: 10}\n"));

  EXPECT_EQ(result.exit_code, 93) << result.describe();
  EXPECT_EQ(result.report.at("restarts"), 3);
  EXPECT_THAT(result.err, HasSubstr("no rank came beyond step 2 in the last 3 generations"));
  EXPECT_EQ(result.report.at("first_cause").at("exit_code"), 3);
}

TEST_F(JobRunTest, SaysThatItsAgentWasKilled) {
  RunningJob job(directory_, job_arguments(directory_, job_of(2, "PROGRAM_MODE: wait")));
  ASSERT_TRUE(job.wait_for_events("rank_ready", 2));
  const std::vector<pid_t> processes = descendants_of(job.pid());

  ::kill(children_of(job.pid()).at(0), SIGKILL);

  const JobResult result = job.wait();
  EXPECT_EQ(result.exit_code, 1) << result.describe();
  EXPECT_THAT(result.report.at("agent_failure").get<std::string>(), HasSubstr("was killed by SIGKILL"));
  EXPECT_THAT(result.err, HasSubstr("was killed by SIGKILL"));
  EXPECT_TRUE(all_end(processes));
}

TEST_F(JobRunTest, LeavesNothingBehindWhenItIsKilled) {
  RunningJob job(directory_, job_arguments(directory_, job_of(2, "PROGRAM_MODE: ignore-sigterm")));
  ASSERT_TRUE(job.wait_for_events("rank_ready", 2));
  const std::vector<pid_t> processes = descendants_of(job.pid());

  job.signal(SIGKILL);

  EXPECT_EQ(job.wait().exit_code, 128 + SIGKILL);
  EXPECT_EQ(processes.size(), 5u);
  EXPECT_TRUE(all_end(processes));
}

TEST_F(JobRunTest, RefusesAProgramThatIsNone) {
  std::ofstream(directory_.file("text.so")) << "no ELF file";

  const JobResult result = run("name: test\nprogram: text.so\n");

  EXPECT_EQ(result.exit_code, 78) << result.describe();
  EXPECT_THAT(result.err, AllOf(HasSubstr("text.so"), HasSubstr("ELF")));
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "runs"));
}

TEST_F(JobRunTest, RefusesMoreNodesThanThereAre) {
  const JobResult result = run(job_of(1, "", "elastic: {min_nodes: 2}\n"));

  EXPECT_EQ(result.exit_code, 78) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("needs at least 2 nodes"));
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "runs"));
}

TEST_F(JobRunTest, KeepsTheDirectoryOfAnEarlierRun) {
  ASSERT_EQ(run(job_of(1, "PROGRAM_MODE: train"), {"--run-id", "mine"}).exit_code, 0);

  const JobResult again = run(job_of(1, "PROGRAM_MODE: exit3"), {"--run-id", "mine"});

  EXPECT_EQ(again.exit_code, 2) << again.describe();
  EXPECT_THAT(again.err, AllOf(HasSubstr("runs/mine"), HasSubstr("--run-id")));
  EXPECT_EQ(again.report.at("exit_code"), 0) << "the report of the first";
}

TEST_F(JobRunTest, ResumesTheJobsLatestRunThoughItHasEnded) {
  ASSERT_EQ(run(job_of(1, "PROGRAM_MODE: exit3"), {"--run-id", "mine"}).exit_code, 3);
  ASSERT_EQ(run("name: other\n" + job_of(1, "PROGRAM_MODE: train").substr(std::string("name: test\n").size()),
                {"--run-id", "other"})
                .exit_code,
            0);

  const JobResult again = run(job_of(1, "PROGRAM_MODE: train"), {"--resume", "last"});

  EXPECT_EQ(again.exit_code, 0) << again.describe();
  EXPECT_EQ(again.run_directory.filename(), "latest");
  EXPECT_THAT(again.err, HasSubstr("run mine goes on: "));
  const auto mine = directory_.path() / "runs/mine";
  EXPECT_TRUE(std::filesystem::exists(mine / "logs/gen-1.1"));
  EXPECT_TRUE(std::filesystem::exists(mine / "logs/gen-2.1")) << "what was logged before stays";
  EXPECT_THAT(fabric::testing::file_text(mine / "report-1.json"), HasSubstr("\"exit_code\": 3"));
  EXPECT_THAT(fabric::testing::file_text(mine / "job-1.yaml"), HasSubstr("exit3"));
  EXPECT_EQ(again.report.at("exit_code"), 0);
}

TEST_F(JobRunTest, ResumesNoRunThatIsStillLed) {
  RunningJob job(directory_, job_arguments(directory_, job_of(1, "PROGRAM_MODE: wait"), {"--run-id", "mine"}));
  ASSERT_TRUE(job.wait_for_events("rank_ready", 1));

  RunningJob second(directory_, {"job.yaml", "--resume", "mine"});

  const JobResult result = second.wait();
  EXPECT_EQ(result.exit_code, 2) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("a fabric-run is still leading"));
  EXPECT_TRUE(std::filesystem::exists(directory_.path() / "runs/mine/job.yaml")) << "it is left alone";
}

TEST_F(JobRunTest, SaysWhichRunsThereAreWhereThereIsNoneToResume) {
  ASSERT_EQ(run(job_of(1, "PROGRAM_MODE: train"), {"--run-id", "mine"}).exit_code, 0);

  const JobResult result = run(job_of(1, "PROGRAM_MODE: train"), {"--resume", "yours"});

  EXPECT_EQ(result.exit_code, 2) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("has none called 'yours'; the latest are mine"));
}

TEST_F(JobRunTest, TheResolvedJobIsAJobThatRunsAlike) {
  const JobResult first = run(job_of(2, "PROGRAM_MODE: train"), {"--set", "fabric.devices=1", "--run-id", "first"});
  ASSERT_EQ(first.exit_code, 0) << first.describe();

  RunningJob second(directory_, {(first.run_directory / "job.yaml").string(), "--run-id", "second"});

  const JobResult result = second.wait();
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(result.report.at("ranks").size(), 1u);
}

}  // namespace
}  // namespace fabric::launcher
