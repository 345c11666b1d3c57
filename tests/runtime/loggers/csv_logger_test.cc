#include "runtime/loggers/csv_logger.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "fabric/error.h"
#include "support/temporary_directory.h"

namespace fabric {
namespace {

class CsvLoggerTest : public ::testing::Test {
 protected:
  std::string text(const std::string& name = "metrics.csv") const {
    std::ifstream in(directory_.file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  testing::TemporaryDirectory directory_;
};

TEST_F(CsvLoggerTest, WritesTheStepFirstAndThenTheMetricsByName) {
  CsvLogger logger(directory_.path().string());

  logger.log_metrics({{"loss", 0.1}, {"accuracy", 0.5}}, 0);
  logger.log_metrics({{"loss", 0.05}}, 1);
  logger.finalize("success");

  EXPECT_EQ(text(), "step,accuracy,loss\n0,0.5,0.1\n1,,0.05\n");
}

TEST_F(CsvLoggerTest, PutsMetricsOfOneStepIntoOneLineEvenAfterASave) {
  CsvLogger logger(directory_.path().string());

  logger.log_metrics({{"a", 123456}, {"b", 1}}, 7);
  logger.save();
  logger.log_metrics({{"a", 1}}, 7);
  logger.save();
  logger.log_metrics({{"a", 2}}, 8);
  logger.save();

  EXPECT_EQ(text(), "step,a,b\n7,1,1\n8,2,\n");
}

TEST_F(CsvLoggerTest, GivesALaterMetricItsColumnInAllLines) {
  CsvLogger logger(directory_.path().string());

  logger.log_metrics({{"loss", 1}}, 0);
  logger.log_metrics({{"loss", 2}}, 1);
  logger.save();
  logger.log_metrics({{"accuracy", 0.9}}, 2);
  logger.save();

  EXPECT_EQ(text(), "step,accuracy,loss\n0,,1\n1,,2\n2,0.9,\n");
  const std::filesystem::directory_iterator files(directory_.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1) << "nothing but metrics.csv";
}

TEST_F(CsvLoggerTest, KeepsEveryLineOfALongRun) {
  std::string expected = "step,loss\n";
  {
    CsvLogger logger(directory_.path().string());
    for (int step = 0; step < 1'000; ++step) {
      logger.log_metrics({{"loss", step}}, step);
      expected += std::to_string(step) + "," + std::to_string(step) + "\n";
    }
  }

  EXPECT_EQ(text(), expected);
}

TEST_F(CsvLoggerTest, GoesOnWhereAnEarlierRunStoppedAndReplacesTheStepsDoneAgain) {
  {
    CsvLogger first(directory_.path().string());
    for (int step = 0; step < 4; ++step) first.log_metrics({{"loss", step}}, step);
    first.finalize("failed");
  }

  CsvLogger second(directory_.path().string());
  second.log_metrics({{"loss", 20}, {"rate", 0.5}}, 2);
  second.finalize("success");

  EXPECT_EQ(text(), "step,loss,rate\n0,0,\n1,1,\n2,20,0.5\n");
}

TEST_F(CsvLoggerTest, ShowsTheFirstStepsBeforeItIsSaved) {
  CsvLogger logger(directory_.path().string());

  logger.log_metrics({{"loss", 1}}, 0);
  logger.log_metrics({{"loss", 2}}, 1);

  EXPECT_EQ(text(), "step,loss\n0,1\n");
}

TEST_F(CsvLoggerTest, RefusesAMetricCalledStep) {
  CsvLogger logger(directory_.path().string());

  EXPECT_THROW(logger.log_metrics({{"step", 1}}, 0), UsageError);
}

TEST_F(CsvLoggerTest, WritesHyperparametersFlatAndMergesLaterOnes) {
  CsvLogger logger(directory_.path().string());

  logger.log_hyperparameters(Dict{{"optim", Dict{{"lr", 0.1}, {"betas", List{0.9, 0.99}}}}, {"name", "digits"}});
  logger.log_hyperparameters(Dict{{"name", "chargpt"}});

  EXPECT_EQ(
      text("hparams.json"),
      "{\n  \"optim/lr\": 0.1,\n  \"optim/betas/0\": 0.9,\n  \"optim/betas/1\": 0.99,\n  \"name\": \"chargpt\"\n}\n");
}

}  // namespace
}  // namespace fabric
