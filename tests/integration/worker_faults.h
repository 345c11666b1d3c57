#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "support/fabric_run.h"

namespace fabric::testing {

/// How soon a job must be over, compiler jobs beside it included. A rank that is waited for in vain takes longer.
inline constexpr std::chrono::seconds kSoon{30};

inline std::string job_of(const std::string& program, const std::string& args) {
  std::ostringstream job;
  job << "name: faults\n"
      << "program: " << FABRIC_TEST_WORKERS_DIR << '/' << program << ".so\n"
      << "args: {" << args << "}\n"
      << "fabric: {accelerator: cpu, strategy: auto, devices: 2}\n"
      << "threads: 1\n";
  return job.str();
}

inline std::string text(const nlohmann::json& object, const char* key) { return object.at(key).get<std::string>(); }

/// Runs tests/workers/faults.cc, whose ranks misbehave in one way.
class WorkerFaults : public ::testing::Test {
 protected:
  /// Runs a job of two ranks, of which `rank` has the fault while the other waits for it in a barrier.
  JobResult run_fault(const std::string& fault, int rank = 1, const std::string& more_args = "steps: 0") {
    const std::string args = "fault: " + fault + ", rank: " + std::to_string(rank) + ", " + more_args;
    return run(job_of("faults", args));
  }
  JobResult run(const std::string& job) { return run_job(directory_, job, {}, kSoon); }

  /// Expects that `rank` is the first cause of a failure, and returns its report.
  static nlohmann::json first_cause(const JobResult& result, int rank = 1) {
    EXPECT_FALSE(result.timed_out) << result.describe();
    if (!result.report.is_object() || !result.report.at("first_cause").is_object()) {
      ADD_FAILURE() << "report.json must name a first cause\n" << result.describe();
      return {};
    }
    const nlohmann::json& cause = result.report.at("first_cause");
    EXPECT_EQ(cause.at("rank"), rank) << result.describe();
    EXPECT_EQ(result.report.at("outcome"), "failed");
    EXPECT_EQ(result.report.at("exit_code"), result.exit_code);
    return cause;
  }

  static void expect_exception(const JobResult& result, const std::string& type, const std::string& message,
                               const std::string& function) {
    EXPECT_EQ(result.exit_code, 1) << result.describe();
    const nlohmann::json cause = first_cause(result);
    ASSERT_TRUE(cause.is_object());
    EXPECT_EQ(text(cause, "exception_type"), type) << result.describe();
    EXPECT_EQ(text(cause, "message"), message) << result.describe();
    EXPECT_THAT(text(cause, "backtrace"),
                ::testing::AllOf(::testing::HasSubstr(function), ::testing::HasSubstr("at train(")));
    EXPECT_THAT(text(cause, "backtrace"), ::testing::Not(::testing::HasSubstr("__cxa_throw")))
        << "the thrower is the innermost frame";
    EXPECT_THAT(result.err, ::testing::AllOf(::testing::HasSubstr(type), ::testing::HasSubstr(message)));
  }

  static void expect_signal(const JobResult& result, int number, const std::string& function) {
    EXPECT_EQ(result.exit_code, 128 + number) << result.describe();
    const nlohmann::json cause = first_cause(result);
    ASSERT_TRUE(cause.is_object());
    EXPECT_EQ(cause.at("signal"), number);
    EXPECT_THAT(text(cause, "backtrace"), ::testing::StartsWith("signal " + std::to_string(number)))
        << result.describe();
    EXPECT_THAT(text(cause, "backtrace"), ::testing::HasSubstr(function)) << result.describe();
  }

  TemporaryDirectory directory_;
};

}  // namespace fabric::testing
