#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "fabric/error.h"
#include "fabric/logger.h"
#include "support/temporary_directory.h"

namespace fabric::testing {

struct LoggerCase {
  std::string name;
  std::function<std::unique_ptr<Logger>(const std::string& directory)> create;
};

inline std::string logger_case_name(const ::testing::TestParamInfo<LoggerCase>& info) { return info.param.name; }

/// What every logger must do.
class LoggerConformanceTest : public ::testing::TestWithParam<LoggerCase> {
 protected:
  TemporaryDirectory root_;  // first, so that it goes last: a logger may write when it goes
  std::filesystem::path directory_ = root_.path() / "not" / "there" / "yet";
  std::unique_ptr<Logger> logger_ = GetParam().create(directory_.string());
};

TEST_P(LoggerConformanceTest, HasTheNameThatItIsRegisteredUnder) { EXPECT_EQ(logger_->name(), GetParam().name); }

TEST_P(LoggerConformanceTest, WritesNothingBeforeTheFirstCall) { EXPECT_FALSE(std::filesystem::exists(directory_)); }

TEST_P(LoggerConformanceTest, PutsFilesIntoTheRunsDirectoryOnceSaved) {
  logger_->log_metrics({{"loss", 0.5}}, 0);
  logger_->save();

  EXPECT_FALSE(std::filesystem::is_empty(directory_));
}

TEST_P(LoggerConformanceTest, TakesEveryDoubleAndMetricsThatComeLater) {
  logger_->log_metrics({{"loss", std::numeric_limits<double>::quiet_NaN()}}, 0);
  logger_->log_metrics({{"loss", -std::numeric_limits<double>::infinity()}, {"a,b \"c\"", 1e-300}}, 0);
  logger_->log_metrics({}, 5);
  logger_->log_metrics({{"accuracy", 1}}, 5);

  EXPECT_NO_THROW(logger_->save());
}

TEST_P(LoggerConformanceTest, RefusesStepsThatFall) {
  logger_->log_metrics({{"loss", 1}}, 3);

  EXPECT_THROW(logger_->log_metrics({{"loss", 1}}, 2), UsageError);
}

TEST_P(LoggerConformanceTest, TakesNestedHyperparameters) {
  const Value parameters =
      Dict{{"lr", 0.1}, {"optim", Dict{{"name", "sgd"}, {"betas", List{0.9, 0.99}}}}, {"none", {}}};

  EXPECT_NO_THROW(logger_->log_hyperparameters(parameters));
  EXPECT_NO_THROW(logger_->save());
  EXPECT_THROW(logger_->log_hyperparameters(1), UsageError);
}

TEST_P(LoggerConformanceTest, MayBeFinalizedWithoutMetricsAndTwice) {
  EXPECT_NO_THROW(logger_->finalize("success"));
  EXPECT_NO_THROW(logger_->finalize("failed"));
}

TEST_P(LoggerConformanceTest, ReportsADirectoryThatCannotBeMade) {
  std::filesystem::create_directories(directory_.parent_path().parent_path());
  std::filesystem::remove_all(directory_.parent_path());
  std::filesystem::copy_file("/proc/self/cmdline", directory_.parent_path());  // a file where a directory has to be

  logger_->log_metrics({{"loss", 1}}, 0);

  EXPECT_THROW(logger_->save(), SystemError);
}

}  // namespace fabric::testing
