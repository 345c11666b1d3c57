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
}

}  // namespace
}  // namespace fabric::launcher
