// The second example, with a model that is small enough for a test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "support/fabric_run.h"

namespace fabric {
namespace {

using testing::JobResult;
using testing::run_job;
using testing::TemporaryDirectory;

TEST(ChargptTest, LearnsToForetellLettersOnTwoRanks) {
  TemporaryDirectory directory;
  std::ostringstream job;
  job << "name: chargpt\nprogram: " << FABRIC_EXAMPLES_DIR << "/chargpt.so\nargs: {data: " << FABRIC_SOURCE_DIR
      << "/examples/data/kjv.txt.gz, steps: 40, block_size: 32, layers: 1, heads: 2, width: 32, lr: 3.0e-3, write: 20}\n"
      << "fabric: {accelerator: cpu, strategy: ddp, devices: 2, loggers: [csv]}\nthreads: 1\n";

  const JobResult result = run_job(directory, job.str());

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  std::ifstream metrics(result.run_directory / "metrics.csv");
  std::string header, first, line, last;
  std::getline(metrics, header);
  ASSERT_EQ(header, "step,loss,validation_loss");
  std::getline(metrics, first);
  while (std::getline(metrics, line)) last = line;
  const double before = std::stod(first.substr(first.find(',') + 1));
  const double after = std::stod(last.substr(last.find(',') + 1));
  EXPECT_GT(before, 3.8) << "no better than chance";
  EXPECT_LT(after, before - 0.5) << "learned something";
  EXPECT_EQ(last.substr(0, last.find(',')), "39");
}

}  // namespace
}  // namespace fabric
