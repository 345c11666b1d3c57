// The second example, with a model that is small enough for a test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

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
  std::string line;
  std::getline(metrics, line);
  ASSERT_EQ(line, "step,loss,validation_loss");
  std::vector<double> losses;
  while (std::getline(metrics, line)) {
    const std::string loss = line.substr(line.find(',') + 1);
    if (!loss.starts_with(',')) losses.push_back(std::stod(loss));
  }
  ASSERT_EQ(losses.size(), 40u);
  EXPECT_GT(losses.front(), 3.8) << "no better than chance";
  EXPECT_LT(losses.back(), losses.front() - 0.5) << "learned something";
}

}  // namespace
}  // namespace fabric
