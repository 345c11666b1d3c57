// The main job, as a user runs it: real data, fabric-run, one and two ranks.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "fabric/value.h"
#include "runtime/checkpoint/torch_checkpoint_io.h"
#include "support/fabric_run.h"

namespace fabric {
namespace {

using testing::JobResult;
using testing::run_job;
using testing::TemporaryDirectory;

/// SGD without dropout or batch statistics, so that the number of ranks must not matter. 1,437 training samples are
/// padded to the same 1,438 by 2 ranks only, so `samples` cuts them to a multiple of the global batch.
std::string digits_job(int devices, uint64_t seed, const std::string& optimizer = "sgd") {
  std::ostringstream job;
  job << "name: digits\n"
      << "program: " << FABRIC_EXAMPLES_DIR << "/digits.so\n"
      << "args: {data: " << FABRIC_SOURCE_DIR << "/examples/data/digits.csv.gz, epochs: 3, seed: " << seed
      << ", optimizer: " << optimizer << ", lr: " << (optimizer == "sgd" ? "0.1" : "0.001") << ", max_samples: 1408}\n"
      << "fabric: {accelerator: cpu, strategy: auto, devices: " << devices << ", precision: 32-true}\n"
      << "threads: 1\n";
  return job.str();
}

std::map<std::string, at::Tensor> final_weights(const std::filesystem::path& run_directory) {
  TorchCheckpointIO io;
  const Value checkpoint = io.load((run_directory / "checkpoints" / "last.ckpt").string());
  std::map<std::string, at::Tensor> weights;
  for (const auto& [name, value] : checkpoint.at("model").to_dict()) weights[name] = value.to_tensor();
  return weights;
}

double largest_difference(const std::map<std::string, at::Tensor>& a, const std::map<std::string, at::Tensor>& b) {
  double largest = 0;
  EXPECT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) largest = std::max(largest, (tensor - b.at(name)).abs().max().item<double>());
  return largest;
}

TEST(DigitsTest, TheMainJobLearnsAndSaysSo) {
  TemporaryDirectory directory;
  const std::string config = std::string(FABRIC_SOURCE_DIR) + "/configs/digits.yaml";
  std::ifstream in(config);
  std::stringstream text;
  text << in.rdbuf();
  // The configuration's paths are relative to its own place; the copy in the temporary directory names them in full.
  std::string job = std::regex_replace(text.str(), std::regex("\\.\\./build/examples"), FABRIC_EXAMPLES_DIR);
  job = std::regex_replace(job, std::regex("\\.\\./examples"), std::string(FABRIC_SOURCE_DIR) + "/examples");

  const JobResult result = run_job(directory, job);

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  std::smatch match;
  ASSERT_TRUE(std::regex_search(result.out, match, std::regex("test accuracy: (0\\.[0-9]{3})"))) << result.describe();
  EXPECT_GE(std::stod(match[1]), 0.95);
  EXPECT_EQ(result.out.find("test accuracy", static_cast<size_t>(match.position()) + 1), std::string::npos)
      << "only rank 0 says it";
}

TEST(DigitsTest, TwoRanksAndOneRankTrainToTheSameWeights) {
  TemporaryDirectory one_directory, two_directory;

  const JobResult one = run_job(one_directory, digits_job(1, 7));
  const JobResult two = run_job(two_directory, digits_job(2, 7));

  ASSERT_EQ(one.exit_code, 0) << one.describe();
  ASSERT_EQ(two.exit_code, 0) << two.describe();
  EXPECT_LE(largest_difference(final_weights(one.run_directory), final_weights(two.run_directory)), 1e-5);
}

TEST(DigitsTest, TwoSimulatedNodesTrainAsTwoRanksOfOneNodeDo) {
  TemporaryDirectory nodes_directory, ranks_directory;

  const JobResult nodes =
      run_job(nodes_directory, digits_job(1, 7), {"--set", "fabric.num_nodes=2", "--simulate-nodes", "2"});
  const JobResult ranks = run_job(ranks_directory, digits_job(2, 7));

  ASSERT_EQ(nodes.exit_code, 0) << nodes.describe();
  ASSERT_EQ(ranks.exit_code, 0) << ranks.describe();
  const auto& reports = nodes.report.at("ranks");  // in the order in which they ended
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_NE(reports.at(0).at("node"), reports.at(1).at("node")) << nodes.describe();
  EXPECT_EQ(largest_difference(final_weights(nodes.run_directory), final_weights(ranks.run_directory)), 0.0);
}

TEST(DigitsTest, TwoRunsWithASeedAreBitEqualAndAnotherSeedIsNot) {
  TemporaryDirectory first_directory, second_directory, other_directory;

  const JobResult first = run_job(first_directory, digits_job(2, 7, "adamw"));
  const JobResult second = run_job(second_directory, digits_job(2, 7, "adamw"));
  const JobResult other = run_job(other_directory, digits_job(2, 8, "adamw"));

  ASSERT_EQ(first.exit_code, 0) << first.describe();
  ASSERT_EQ(second.exit_code, 0) << second.describe();
  ASSERT_EQ(other.exit_code, 0) << other.describe();
  EXPECT_EQ(largest_difference(final_weights(first.run_directory), final_weights(second.run_directory)), 0.0);
  EXPECT_GT(largest_difference(final_weights(first.run_directory), final_weights(other.run_directory)), 1e-3);
}

TEST(DigitsTest, TheSameProgramTrainsAlikeWithoutTheLauncher) {
  TemporaryDirectory launched_directory, plain_directory;
  const JobResult launched = run_job(launched_directory, digits_job(1, 7));
  ASSERT_EQ(launched.exit_code, 0) << launched.describe();

  std::ostringstream command;
  command << "cd " << plain_directory.path().string() << " && OMP_NUM_THREADS=1 " << FABRIC_EXAMPLES_DIR
          << "/digits --data=" << FABRIC_SOURCE_DIR
          << "/examples/data/digits.csv.gz --epochs=3 --seed 7 --optimizer=sgd --lr=0.1 --max_samples=1408 >out";
  ASSERT_EQ(std::system(command.str().c_str()), 0);

  const std::filesystem::directory_iterator runs(plain_directory.path() / "runs");
  EXPECT_EQ(largest_difference(final_weights(launched.run_directory), final_weights(runs->path())), 0.0);
}

TEST(DigitsTest, TheRunDirectoryHoldsWhatWasPromised) {
  TemporaryDirectory directory;

  const JobResult result = run_job(directory, digits_job(2, 7), {"--set", "args.epochs=1"});

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  for (const char* name : {"job.yaml", "events.jsonl", "report.json", "logs/gen-1.1/rank-0.log",
                           "logs/gen-1.1/rank-1.log", "checkpoints/last.ckpt"}) {
    EXPECT_TRUE(std::filesystem::exists(result.run_directory / name)) << name;
  }
  EXPECT_FALSE(std::filesystem::is_empty(result.run_directory / "program"));
  EXPECT_EQ(result.report.at("exit_code"), 0);
  std::ifstream events(result.run_directory / "events.jsonl");
  int count = 0;
  for (std::string line; std::getline(events, line); ++count) {
    const auto event = nlohmann::json::parse(line);
    EXPECT_TRUE(event.contains("time_ns") && event.contains("event")) << line;
  }
  EXPECT_GT(count, 4);
}

}  // namespace
}  // namespace fabric
