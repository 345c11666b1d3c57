#include "runtime/api/run_checkpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <set>

#include "runtime/api/run_state.h"
#include "runtime/checkpoint/torch_checkpoint_io.h"
#include "support/temporary_directory.h"

namespace fabric {
namespace {

using ::testing::ElementsAre;

class RunCheckpointsTest : public ::testing::Test {
 protected:
  RunCheckpoints make(CheckpointPolicy policy) { return {io_, directory_.path().string(), std::move(policy)}; }
  void save(RunCheckpoints& checkpoints, int64_t step, std::optional<double> loss = {}) {
    Dict metrics;
    if (loss) metrics.emplace_back("loss", *loss);
    io_.save(Dict{{kRunStateKey, Dict{{"step", step}, {"metrics", std::move(metrics)}}}},
             directory_.file(RunCheckpoints::name_of(step)));
    checkpoints.after_save(step, loss);
  }
  std::set<int64_t> steps_there() const {
    std::set<int64_t> steps;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      const auto step = RunCheckpoints::step_of(entry.path().filename().string());
      if (step) steps.insert(*step);
    }
    return steps;
  }
  std::string best() const {
    const std::filesystem::path link = directory_.path() / "best.ckpt";
    return std::filesystem::is_symlink(link) ? std::filesystem::read_symlink(link).string() : "";
  }
  testing::TemporaryDirectory directory_;
  TorchCheckpointIO io_;
};

TEST_F(RunCheckpointsTest, KeepsAllUnlessTheJobSaysHowMany) {
  RunCheckpoints checkpoints = make({});
  for (int64_t step = 1; step <= 5; ++step) save(checkpoints, step);
  EXPECT_THAT(steps_there(), ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(RunCheckpointsTest, KeepsTheLatest) {
  RunCheckpoints checkpoints = make({.keep_last = 2});
  io_.save(Dict{{"a", 1}}, directory_.file("epoch-1"));
  for (const int64_t step : {8, 9, 10, 100}) save(checkpoints, step);
  EXPECT_THAT(steps_there(), ElementsAre(10, 100));
  EXPECT_TRUE(std::filesystem::exists(directory_.file("epoch-1"))) << "the program's own stay";
}

TEST_F(RunCheckpointsTest, KeepsTheBestBesideTheLatest) {
  RunCheckpoints checkpoints = make({.keep_last = 1, .best = "loss", .keep_best = 2});
  const double losses[] = {5, 1, 4, 2, 3};
  for (int64_t step = 1; step <= 5; ++step) save(checkpoints, step, losses[step - 1]);
  EXPECT_THAT(steps_there(), ElementsAre(2, 4, 5));
  EXPECT_EQ(best(), "step-2.ckpt");
}

TEST_F(RunCheckpointsTest, TheBestMayBeTheLargest) {
  RunCheckpoints checkpoints = make({.keep_last = 1, .best = "loss", .best_is_max = true});
  save(checkpoints, 1, 0.5);
  save(checkpoints, 2, 0.9);
  save(checkpoints, 3, std::numeric_limits<double>::quiet_NaN());
  save(checkpoints, 4, std::nullopt);
  EXPECT_THAT(steps_there(), ElementsAre(2, 4));
  EXPECT_EQ(best(), "step-2.ckpt");
}

TEST_F(RunCheckpointsTest, KnowsWhatAnEarlierLifeOfTheRunLeft) {
  RunCheckpoints before = make({.keep_last = 2, .best = "loss"});
  for (int64_t step = 1; step <= 3; ++step) save(before, step, static_cast<double>(step));

  RunCheckpoints after = make({.keep_last = 2, .best = "loss"});
  save(after, 4, 4.0);

  EXPECT_THAT(steps_there(), ElementsAre(1, 3, 4));
  EXPECT_EQ(best(), "step-1.ckpt");
}

TEST_F(RunCheckpointsTest, RemovesWhatWasNotFinished) {
  RunCheckpoints checkpoints = make({});
  save(checkpoints, 1);
  const std::string unfinished = directory_.file(".step-2.ckpt.17.0.partial"), other = directory_.file(".notes");
  for (const std::string& path : {unfinished, other}) std::ofstream(path) << "x";

  checkpoints.remove_unfinished();

  EXPECT_FALSE(std::filesystem::exists(unfinished));
  EXPECT_TRUE(std::filesystem::exists(other));
  EXPECT_THAT(steps_there(), ElementsAre(1));
}

TEST_F(RunCheckpointsTest, ListsThoseWrittenLastFirst) {
  RunCheckpoints checkpoints = make({});
  for (const int64_t step : {1, 2, 10}) save(checkpoints, step);
  io_.save(Dict{{"a", 1}}, directory_.file("epoch-1"));
  const auto now = std::filesystem::file_time_type::clock::now();
  for (const int64_t step : {1, 2, 10}) {
    std::filesystem::last_write_time(directory_.file(RunCheckpoints::name_of(step)), now - std::chrono::seconds(60));
  }
  std::filesystem::last_write_time(directory_.file("epoch-1"), now - std::chrono::seconds(30));
  std::filesystem::create_symlink("step-2.ckpt", directory_.file("best.ckpt"));

  EXPECT_THAT(checkpoints.newest_first(), ElementsAre(directory_.file("epoch-1"), directory_.file("step-10.ckpt"),
                                                      directory_.file("step-2.ckpt"), directory_.file("step-1.ckpt")));
  EXPECT_TRUE(RunCheckpoints(io_, directory_.file("none"), {}).newest_first().empty());
}

}  // namespace
}  // namespace fabric
