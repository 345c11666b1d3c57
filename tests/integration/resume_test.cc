// Real runs that are stopped, killed or fail, and go on: nothing lost, nothing twice.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <csignal>
#include <fstream>
#include <random>
#include <regex>
#include <sstream>
#include <thread>

#include "fabric/value.h"
#include "runtime/checkpoint/torch_checkpoint_io.h"
#include "support/fabric_run.h"
#include "support/repeats.h"

namespace fabric {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::job_arguments;
using testing::JobResult;
using testing::repeats;
using testing::run_job;
using testing::RunningJob;
using testing::TemporaryDirectory;

std::string resumes_job(int ranks, const std::string& args, const std::string& more) {
  std::ostringstream job;
  job << "name: resumes\nprogram: " << FABRIC_TEST_WORKERS_DIR << "/resumes.so\nargs: {" << args << "}\n"
      << "fabric: {accelerator: cpu, strategy: auto, devices: " << ranks << "}\nthreads: 1\n"
      << more;
  return job.str();
}

std::string chargpt_job(int steps) {
  std::ostringstream job;
  job << "name: chargpt\nprogram: " << FABRIC_EXAMPLES_DIR << "/chargpt.so\nargs: {data: " << FABRIC_SOURCE_DIR
      << "/examples/data/kjv.txt.gz, steps: " << steps
      << ", block_size: 16, layers: 1, heads: 2, width: 16, write: 1}\n"
      << "fabric: {accelerator: cpu, strategy: ddp, devices: 2, loggers: [csv]}\nthreads: 1\n";
  return job.str();
}

/// Returns the number behind `word` where it is printed last.
double printed(const JobResult& result, const std::string& word) {
  const std::regex pattern(word + " ([0-9.e+-]+)");
  double number = -1;
  for (std::sregex_iterator match(result.out.begin(), result.out.end(), pattern), end; match != end; ++match) {
    number = std::stod((*match)[1]);
  }
  return number;
}

std::map<std::string, at::Tensor> tensors_of(const std::filesystem::path& checkpoint, const std::string& entry) {
  TorchCheckpointIO io;
  const Value whole = io.load(checkpoint.string());
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, value] : whole.at(entry).to_dict()) tensors[name] = value.to_tensor();
  return tensors;
}

/// The steps of metrics.csv, in its order.
std::vector<int64_t> logged_steps(const std::filesystem::path& run_directory) {
  std::ifstream metrics(run_directory / "metrics.csv");
  std::string line;
  std::getline(metrics, line);
  std::vector<int64_t> steps;
  while (std::getline(metrics, line)) steps.push_back(std::stoll(line));
  return steps;
}

/// SIGTERM at whatever moment, and on: the same weights as without, bit for bit, and each step in the metrics once.
TEST(ResumeJobTest, ATerminatedTrainingGoesOnWithoutLosingAStep) {
  constexpr int kSteps = 60;
  TemporaryDirectory unbroken_directory;
  const JobResult unbroken = run_job(unbroken_directory, chargpt_job(kSteps));
  ASSERT_EQ(unbroken.exit_code, 0) << unbroken.describe();
  const auto expected = tensors_of(unbroken.run_directory / "checkpoints/last.ckpt", "model");
  std::mt19937 random(1);
  int num_stopped = 0;
  for (int i = 0; num_stopped < repeats(3) && i < 5 * repeats(3); ++i) {
    TemporaryDirectory directory;
    RunningJob job(directory, job_arguments(directory, chargpt_job(kSteps)));
    ASSERT_TRUE(job.wait_for_events("rank_ready", 2));
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 500));
    job.signal(SIGTERM);
    const JobResult stopped = job.wait();
    const nlohmann::json step = stopped.report.at("ranks").at(0).at("last_step");
    if (stopped.exit_code == 0 || step == -1) continue;  // it was done before, or had done nothing yet
    ASSERT_EQ(stopped.exit_code, 75) << stopped.describe();
    ++num_stopped;
    EXPECT_EQ(stopped.report.at("ranks").at(1).at("last_step"), step) << stopped.describe();

    const JobResult resumed = run_job(directory, chargpt_job(kSteps), {"--resume", "last"});

    ASSERT_EQ(resumed.exit_code, 0) << resumed.describe();
    EXPECT_EQ(std::filesystem::canonical(resumed.run_directory), std::filesystem::canonical(stopped.run_directory));
    const auto weights = tensors_of(resumed.run_directory / "checkpoints/last.ckpt", "model");
    for (const auto& [name, tensor] : expected) {
      EXPECT_TRUE(tensor.equal(weights.at(name))) << name << " after a stop at step " << step;
    }
    EXPECT_EQ(logged_steps(resumed.run_directory), logged_steps(unbroken.run_directory)) << "stopped at step " << step;
  }
  EXPECT_EQ(num_stopped, repeats(3));
}

/// A rank that fails: the next generation goes on from the newest checkpoint, with each rank's own generator.
TEST(ResumeJobTest, AFailureCostsTheStepsSinceTheLastCheckpoint) {
  TemporaryDirectory unbroken_directory, directory;
  const JobResult unbroken = run_job(unbroken_directory, resumes_job(2, "steps: 20", ""));
  ASSERT_EQ(unbroken.exit_code, 0) << unbroken.describe();

  const JobResult result =
      run_job(directory, resumes_job(2, "steps: 20, fails_at: 14, failing: 1",
                                     "elastic: {max_restarts: 1}\ncheckpoint: {every_steps: 5, keep_last: 1}\n"));

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(result.report.at("restarts"), 1);
  EXPECT_THAT(result.out, HasSubstr("resumed 0 lost 0"));
  EXPECT_EQ(printed(result, "resumed"), 10) << result.describe();
  EXPECT_EQ(printed(result, "lost"), 3) << result.describe();
  EXPECT_EQ(printed(result, "noise"), printed(unbroken, "noise"));
  EXPECT_FALSE(std::filesystem::exists(result.run_directory / "checkpoints/step-15.ckpt"));
  EXPECT_TRUE(std::filesystem::exists(result.run_directory / "checkpoints/step-20.ckpt"));
}

/// All of a job is killed at whatever moment, most of them in the middle of a save: the newest checkpoint that is whole loads.
TEST(ResumeJobTest, AKilledJobGoesOnAtTheNewestCheckpointThatIsWhole) {
  const std::string args = "steps: 1000000, elements: 2000000";
  const std::string policy = "checkpoint: {every_steps: 1, keep_last: 2}\n";
  TemporaryDirectory directory;
  std::mt19937 random(7);
  double reached = 0;
  for (int i = 0; i < repeats(4); ++i) {
    std::vector<std::string> flags;
    if (i > 0) flags = {"--resume", "last"};
    RunningJob job(directory, job_arguments(directory, resumes_job(1, args, policy), flags));
    ASSERT_TRUE(job.wait_for_events("rank_ready", i + 1));
    std::this_thread::sleep_for(std::chrono::microseconds(200'000 + random() % 200'000));
    job.signal(SIGKILL);
    static_cast<void>(job.wait());
  }

  const JobResult last =
      run_job(directory, resumes_job(1, "steps: 1, elements: 2000000", policy), {"--resume", "last"});

  ASSERT_EQ(last.exit_code, 0) << last.describe();
  reached = printed(last, "resumed");
  EXPECT_GT(reached, repeats(4)) << "steps went on from life to life\n" << last.describe();
  for (const auto& entry : std::filesystem::directory_iterator(last.run_directory / "checkpoints")) {
    EXPECT_TRUE(entry.path().filename().string().starts_with("step-")) << entry.path() << " was left behind";
  }
}

/// A run of another world: what the first one left is gone on with by more ranks, and by fewer.
TEST(ResumeJobTest, AnotherNumberOfRanksGoesOn) {
  TemporaryDirectory directory;
  const std::string policy = "checkpoint: {every_steps: 4}\n";
  ASSERT_EQ(run_job(directory, resumes_job(2, "steps: 8", policy)).exit_code, 0);

  const JobResult three = run_job(directory, resumes_job(3, "steps: 12", policy), {"--resume", "last"});
  const JobResult one = run_job(directory, resumes_job(1, "steps: 16", policy), {"--resume", "last"});

  EXPECT_EQ(three.exit_code, 0) << three.describe();
  EXPECT_EQ(printed(three, "resumed"), 8) << three.describe();
  EXPECT_EQ(one.exit_code, 0) << one.describe();
  EXPECT_EQ(printed(one, "resumed"), 12) << one.describe();
}

TEST(ResumeJobTest, ANewRunIsANewOneUnlessItIsToldWhereToBegin) {
  TemporaryDirectory directory;
  const std::string policy = "checkpoint: {every_steps: 4}\n";
  const JobResult first = run_job(directory, resumes_job(1, "steps: 8", policy), {"--run-id", "first"});
  ASSERT_EQ(first.exit_code, 0) << first.describe();

  const JobResult anew = run_job(directory, resumes_job(1, "steps: 8", policy));
  const JobResult begun = run_job(directory, resumes_job(1, "steps: 8", policy),
                                  {"--resume", "runs/first/checkpoints/step-4.ckpt", "--run-dir", "others"});

  EXPECT_EQ(printed(anew, "resumed"), 0) << anew.describe();
  EXPECT_EQ(printed(begun, "resumed"), 4) << begun.describe();
  EXPECT_TRUE(std::filesystem::exists(directory.path() / "others/latest/checkpoints/step-8.ckpt"));
}

}  // namespace
}  // namespace fabric
