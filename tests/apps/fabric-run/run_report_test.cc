#include "run_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "core/exit_codes.h"

namespace fabric::launcher {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

/// A job of two ranks whose rank 1 crashed and whose rank 0 failed after it.
RunReport crashed() {
  ExitReport cause;
  cause.global_rank = 1;
  cause.hostname = "n";
  cause.signal = SIGSEGV;
  cause.backtrace = "at f()\nat g()";
  cause.last_log_lines = {"step 1", "step 2"};
  cause.log_path = "/runs/x/logs/gen-1.1/rank-1.log";
  ExitReport other;
  other.global_rank = 0;
  other.exit_code = 1;
  RunReport report;
  report.run_id = "x-1";
  report.run_directory = "/runs/x-1";
  report.outcome = {139, describe(cause) + "; all 2 restarts are used up", cause, {cause, other}, 2, {1, 3}};
  return report;
}

RunReport ended_with(int exit_code) {
  RunReport report;
  report.outcome.exit_code = exit_code;
  report.outcome.reason = "because";
  return report;
}

TEST(RunReportTest, NamesHowTheRunEnded) {
  EXPECT_EQ(outcome_name(ended_with(0)), "completed");
  EXPECT_EQ(outcome_name(ended_with(exit_code::kRequeue)), "requeue");
  EXPECT_EQ(outcome_name(ended_with(exit_code::kRendezvousTimeout)), "rendezvous_timeout");
  EXPECT_EQ(outcome_name(crashed()), "failed");
  RunReport stopped = ended_with(exit_code::kSignalBase + SIGINT);
  stopped.stop_was_requested = true;
  EXPECT_EQ(outcome_name(stopped), "stopped");
  stopped.agent_failure = "fabric-agent was killed";
  EXPECT_EQ(outcome_name(stopped), "failed");
}

TEST(RunReportTest, SummarizesTheFirstCauseOnce) {
  const std::vector<std::string> lines = failure_summary(crashed());

  EXPECT_EQ(lines.front(), "the job failed; all 2 restarts are used up");
  EXPECT_THAT(lines, Contains(AllOf(StartsWith("first cause: rank 1 on n"), HasSubstr("SIGSEGV"))).Times(1));
  EXPECT_THAT(lines, Contains("    at g()"));
  EXPECT_THAT(lines, Contains("    step 2"));
  EXPECT_THAT(lines, Contains("later failures: ranks 0"));
  EXPECT_EQ(lines.back(), "exit code 139; report: /runs/x-1/report.json");
  EXPECT_THAT(lines, Each(Not(HasSubstr("\n"))));
}

TEST(RunReportTest, SummarizesWhatEndedEarlierGenerationsInALineEach) {
  RunReport report = crashed();
  report.outcome.failures = {{{1, 1}, 5, 0, "rank 0 ended with exit code 3"},
                             {{1, 2}, 6, 1, "rank 1 was killed by SIGBUS"},
                             {{1, 3}, 7, 1, describe(*report.outcome.first_cause)}};

  const std::vector<std::string> lines = failure_summary(report);

  EXPECT_THAT(lines, Contains("earlier failures:"));
  EXPECT_THAT(lines, Contains("    generation 1.1: rank 0 ended with exit code 3"));
  EXPECT_THAT(lines, Contains("    generation 1.2: rank 1 was killed by SIGBUS"));
  EXPECT_THAT(lines, Not(Contains(HasSubstr("generation 1.3")))) << "that is the first cause";
}

TEST(RunReportTest, SaysWhatToDoAboutAWantOfMemory) {
  RunReport report = crashed();
  report.outcome.first_cause->signal = SIGKILL;
  report.outcome.first_cause->out_of_memory = "the kernel's memory killer ended 1 process of cgroup /x (limit 512 MiB)";

  EXPECT_THAT(failure_summary(report),
              Contains(AllOf(HasSubstr("limit 512 MiB"), HasSubstr("give the job more memory"))));
}

TEST(RunReportTest, NamesTheCore) {
  RunReport report = crashed();
  report.outcome.first_cause->core_file = "/scratch/core.12";

  EXPECT_THAT(failure_summary(report), Contains("  core: /scratch/core.12"));
}

TEST(RunReportTest, LeavesOutOfTheLogWhatTheExceptionSays) {
  RunReport report = crashed();
  ExitReport& cause = *report.outcome.first_cause;
  cause.signal = 0;
  cause.exit_code = 1;
  cause.exception_type = "c10::Error";
  cause.message = "shapes differ\nin mm";
  cause.last_log_lines = {"step 1", "fabric-worker: uncaught c10::Error: shapes differ", "in mm", "step 2"};

  const std::vector<std::string> lines = failure_summary(report);

  EXPECT_THAT(lines, Contains(HasSubstr("shapes differ")).Times(2)) << "in its line, and in full";
  EXPECT_THAT(lines, Contains("    in mm").Times(1));
  EXPECT_THAT(lines, AllOf(Contains("    step 1"), Contains("    step 2")));
  EXPECT_THAT(lines, Each(Not(HasSubstr("\n"))));
}

TEST(RunReportTest, SaysNothingAboutARunThatEndedWell) { EXPECT_THAT(failure_summary(ended_with(0)), IsEmpty()); }

TEST(RunReportTest, GivesTheReasonWhereNoRankFailed) {
  EXPECT_EQ(failure_summary(ended_with(exit_code::kRendezvousTimeout)).front(), "the job ended: because");
}

TEST(RunReportTest, WritesJsonWhateverBytesTheRanksPrinted) {
  RunReport report = crashed();
  report.outcome.reports.front().last_log_lines = {"caf\xe9"};

  const auto json = nlohmann::json::parse(report_json(report));

  EXPECT_EQ(json.at("first_cause").at("signal"), SIGSEGV);
  EXPECT_EQ(json.at("restarts"), 2);
  EXPECT_EQ(json.at("generation"), "1.3");
  EXPECT_EQ(json.at("ranks").at(0).at("last_log_lines").at(0), "caf\xef\xbf\xbd");
  EXPECT_TRUE(json.at("agent_failure").is_null());
  EXPECT_TRUE(json.at("first_cause").at("core_file").is_null());
}

TEST(RunReportTest, TellsInJsonWhenRanksFailedAndWhy) {
  RunReport report = crashed();
  report.start_ns = 1'700'000'000'000'000'000;
  report.start_boot_ns = 5'000;
  report.outcome.first_cause->time_ns = 7'000;
  report.outcome.first_cause->out_of_memory = "the kernel's memory killer";
  report.outcome.failures = {{{1, 1}, 6'000, 0, "rank 0 ended with exit code 3"}};

  const auto json = nlohmann::json::parse(report_json(report));

  EXPECT_EQ(json.at("first_cause").at("failed_at"), 1'700'000'000'000'002'000);
  EXPECT_EQ(json.at("first_cause").at("out_of_memory"), "the kernel's memory killer");
  EXPECT_EQ(json.at("failures"), nlohmann::json::parse(R"([{"generation": "1.1", "rank": 0,
      "failed_at": 1700000000000001000, "description": "rank 0 ended with exit code 3"}])"));
}

}  // namespace
}  // namespace fabric::launcher
