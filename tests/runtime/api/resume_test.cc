// A run that stops and goes on, in one process: each life has a Fabric of its own over the run's one directory.

#include <fabric/fabric.h>
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>

#include "runtime/api/run_state.h"
#include "runtime/api/single_rank.h"

namespace fabric {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// Sixty samples of noise.
struct Samples {
  at::Tensor inputs = torch::linspace(-1, 1, 60 * 4).view({60, 4});
  size_t size() const { return 60; }
  std::pair<at::Tensor, at::Tensor> get(size_t index) const {
    const at::Tensor input = inputs[static_cast<int64_t>(index)];
    return {input, input.sum().view({1})};
  }
};

struct StepCounter final : Callback {
  Value state_dict() const override { return Dict{{"count", count}}; }
  void load_state_dict(const Value& state) override { count = state.at("count").to_int(); }
  void on_after_optimizer_step(Fabric&, Optimizer&) override { ++count; }
  int64_t count = 0;
};

Options options_of(CheckpointPolicy policy, std::shared_ptr<StepCounter> counter) {
  Options options;
  options.checkpoint = std::move(policy);
  if (counter) options.callbacks.push_back(std::move(counter));
  return options;
}

/// One life of a run: seven batches an epoch, and dropout, which draws from the default generator.
struct Life {
  explicit Life(const std::string& run_directory, CheckpointPolicy policy = {}, int num_workers = 0)
      : counter(std::make_shared<StepCounter>()),
        environment(run_directory, "{}"),
        fabric(environment, options_of(std::move(policy), counter)) {
    fabric.seed_everything(3);
    model.emplace(fabric.setup_module(
        torch::nn::Sequential(torch::nn::Linear(4, 8), torch::nn::Dropout(0.5), torch::nn::Linear(8, 1))));
    optimizer.emplace(
        fabric.setup_optimizer(torch::optim::SGD(model->parameters(), torch::optim::SGDOptions(0.05).momentum(0.9))));
    loader.emplace(fabric.setup_dataloader(Samples(), {.batch_size = 9, .shuffle = true, .num_workers = num_workers}));
  }

  State state() { return {{"model", *model}, {"optimizer", *optimizer}}; }
  /// Trains until `steps` have ended, or the job stops; returns whether it did not.
  bool train(int64_t steps) {
    State all = state();
    resumed = fabric.resume(all);
    try {
      while (fabric.step() < steps) {
        for (auto& [input, target] : *loader) {
          fabric.backward(torch::mse_loss((*model)(input), target));
          optimizer->step();
          optimizer->zero_grad();
          fabric.end_step(all);
          if (fabric.step() == steps) break;
        }
      }
    } catch (const Stop&) {
      return false;
    }
    return true;
  }
  std::vector<at::Tensor> weights() const {
    std::vector<at::Tensor> copies;
    for (const at::Tensor& parameter : model->parameters()) copies.push_back(parameter.detach().clone());
    return copies;
  }

  std::shared_ptr<StepCounter> counter;
  RecordingEnvironment environment;
  Fabric fabric;
  std::optional<Module<torch::nn::SequentialImpl>> model;
  std::optional<Optimizer> optimizer;
  std::optional<DataLoader<Samples>> loader;
  Resumed resumed;
};

class ResumeTest : public ::testing::Test {
 protected:
  std::string run() const { return directory_.path().string(); }
  std::string checkpoint(const std::string& name) const { return directory_.file("checkpoints/" + name); }
  testing::TemporaryDirectory directory_;
};

TEST_F(ResumeTest, ANewRunBegins) {
  Life life(run());
  State state = life.state();
  EXPECT_FALSE(life.fabric.resume(state));
  EXPECT_EQ(life.fabric.step(), 0);
}

/// Wherever it stops, with what has been made ahead or not, and however often, weights are those of the unbroken run, bit for
/// bit: dropout, order of samples and momentum go on. The loader is not in the program's state.
TEST_F(ResumeTest, EqualsTheUnbrokenRunWhereverItStopped) {
  constexpr int64_t kSteps = 25;
  testing::TemporaryDirectory unbroken_directory;
  Life unbroken(unbroken_directory.path().string());
  ASSERT_TRUE(unbroken.train(kSteps));
  const std::vector<at::Tensor> expected = unbroken.weights();
  for (int64_t stop = 1; stop < kSteps; ++stop) {
    for (const int num_workers : {0, 3}) {
      testing::TemporaryDirectory directory;
      Life first(directory.path().string(), {}, num_workers);
      first.environment.stop_step = stop;
      ASSERT_FALSE(first.train(kSteps));

      Life second(directory.path().string(), {}, num_workers);
      ASSERT_TRUE(second.train(kSteps));

      EXPECT_EQ(second.resumed.step, stop);
      EXPECT_EQ(second.resumed.what, directory.file("checkpoints/step-" + std::to_string(stop) + ".ckpt"));
      EXPECT_EQ(second.counter->count, kSteps) << "callbacks go on";
      const std::vector<at::Tensor> weights = second.weights();
      for (size_t i = 0; i < weights.size(); ++i) {
        EXPECT_TRUE(torch::equal(weights[i], expected[i])) << "stopped at " << stop << ", workers " << num_workers;
      }
    }
  }
}

TEST_F(ResumeTest, SavesAtTheStepsOfThePolicyAndKeepsTheLatest) {
  Life life(run(), {.every_steps = 3, .keep_last = 2});
  ASSERT_TRUE(life.train(11));
  EXPECT_FALSE(std::filesystem::exists(checkpoint("step-3.ckpt")));
  EXPECT_TRUE(std::filesystem::exists(checkpoint("step-6.ckpt")));
  EXPECT_TRUE(std::filesystem::exists(checkpoint("step-9.ckpt")));

  Life second(run(), {.every_steps = 3, .keep_last = 2});
  ASSERT_TRUE(second.train(12));

  EXPECT_EQ(second.resumed.step, 9);
  EXPECT_FALSE(std::filesystem::exists(checkpoint("step-6.ckpt")));
  EXPECT_TRUE(std::filesystem::exists(checkpoint("step-12.ckpt")));
}

TEST_F(ResumeTest, LeadsToTheBestByWhatTheProgramLogs) {
  Life life(run(), {.every_steps = 1, .keep_last = 1, .best = "validation"});
  State state = life.state();
  for (const double loss : {3.0, 1.0, 2.0}) {
    life.fabric.log("validation", torch::tensor(loss));
    life.fabric.end_step(state);
  }
  EXPECT_EQ(std::filesystem::read_symlink(checkpoint("best.ckpt")), "step-2.ckpt");
  EXPECT_FALSE(std::filesystem::exists(checkpoint("step-1.ckpt")));
  const Value best = life.fabric.load("best.ckpt");
  EXPECT_EQ(best.at("fabric").at("step").to_int(), 2);
  EXPECT_EQ(best.at("fabric").at("metrics").at("validation").to_double(), 1.0);
}

TEST_F(ResumeTest, PassesOverATornOneWithItsReason) {
  {
    Life life(run(), {.every_steps = 2});
    ASSERT_TRUE(life.train(6));
  }
  std::filesystem::resize_file(checkpoint("step-6.ckpt"), 1000);
  std::fstream bytes(checkpoint("step-4.ckpt"), std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekp(700);
  bytes.put('\x7f');
  bytes.close();
  ::testing::internal::CaptureStderr();

  Life life(run());
  ASSERT_TRUE(life.train(6));

  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(life.resumed.step, 2);
  EXPECT_THAT(said, HasSubstr("step-6.ckpt' cannot be resumed: "));
  EXPECT_THAT(said, HasSubstr("step-4.ckpt' cannot be resumed: "));
}

TEST_F(ResumeTest, PassesOverWhatHoldsAPartOnly) {
  Life life(run(), {.every_steps = 2});
  ASSERT_TRUE(life.train(2));
  life.fabric.save("weights.ckpt", {{"model", *life.model}});
  ::testing::internal::CaptureStderr();

  Life second(run());
  ASSERT_TRUE(second.train(3));

  EXPECT_EQ(second.resumed.step, 2);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("weights.ckpt' cannot be resumed: "));
}

TEST_F(ResumeTest, DoesNotBeginAnewWhereAllCheckpointsAreTorn) {
  {
    Life life(run(), {.every_steps = 2});
    ASSERT_TRUE(life.train(2));
  }
  std::filesystem::resize_file(checkpoint("step-2.ckpt"), 1000);
  Life life(run());
  State state = life.state();
  ::testing::internal::CaptureStderr();
  EXPECT_THAT([&] { life.fabric.resume(state); },
              ThrowsMessage<UsageError>(HasSubstr("must go on at one of them, but none can be loaded")));
  ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(life.fabric.step(), 0);
}

TEST_F(ResumeTest, BeginsAtTheCheckpointThatTheJobNames) {
  testing::TemporaryDirectory other;
  Life source(other.path().string());
  ASSERT_TRUE(source.train(4));
  State state = source.state();
  const std::string path = source.fabric.save("epoch-0", state);

  Life life(run(), {.resume_from = path});
  ASSERT_TRUE(life.train(4));
  EXPECT_EQ(life.resumed.what, path);
  EXPECT_EQ(life.fabric.step(), 4);
  EXPECT_TRUE(torch::equal(life.weights()[0], source.weights()[0]));

  Life wrong(run(), {.resume_from = other.file("none")});
  State of_wrong = wrong.state();
  EXPECT_THAT([&] { wrong.fabric.resume(of_wrong); },
              ThrowsMessage<UsageError>(HasSubstr("but it cannot be loaded: ")));
}

TEST_F(ResumeTest, SavesNothingWhileGradientsAccumulate) {
  Life life(run(), {.every_steps = 3});
  State state = life.state();
  const at::Tensor input = torch::ones({2, 4});
  for (int64_t step = 1; step <= 8; ++step) {
    life.fabric.backward((*life.model)(input).sum());
    if (step % 4 == 0) {
      life.optimizer->step();
      life.optimizer->zero_grad();
    }
    life.fabric.end_step(state);
  }
  EXPECT_FALSE(std::filesystem::exists(checkpoint("step-3.ckpt")));
  EXPECT_TRUE(std::filesystem::exists(checkpoint("step-4.ckpt"))) << "the next step without gradients";
  EXPECT_TRUE(std::filesystem::exists(checkpoint("step-8.ckpt")));
}

TEST_F(ResumeTest, AnOptimizerThatIsSteppedWithoutItsHandleLeavesACleanStepToo) {
  Life life(run(), {.every_steps = 1});
  State state = life.state();
  torch::optim::Optimizer& raw = *life.optimizer;
  life.fabric.backward((*life.model)(torch::ones({2, 4})).sum());
  raw.step();
  raw.zero_grad();
  life.fabric.end_step(state);
  EXPECT_TRUE(std::filesystem::exists(checkpoint("step-1.ckpt")));
}

TEST_F(ResumeTest, FabricsOwnEntryIsNoNameForTheProgram) {
  SingleRank rank;
  int64_t number = 1;
  EXPECT_THAT(
      [&] {
        rank.fabric.save("a", {{"fabric", number}});
      },
      ThrowsMessage<UsageError>(HasSubstr("'fabric' is the name of what Fabric saves itself")));
}

/// A program that knows no end_step(): the next batch ends a step, with the state that resume() was given.
TEST_F(ResumeTest, AStepEndsWithTheNextBatchWhereTheProgramDoesNotEndIt) {
  const auto train = [](Life& life) {
    State state = life.state();
    life.resumed = life.fabric.resume(state);
    int64_t batches = 0;
    try {
      for ([[maybe_unused]] const int64_t epoch : life.loader->epochs(2)) {
        for (auto& [input, target] : *life.loader) {
          life.fabric.backward(torch::mse_loss((*life.model)(input), target));
          life.optimizer->step();
          life.optimizer->zero_grad();
          ++batches;
        }
      }
    } catch (const Stop&) {
    }
    return batches;
  };
  testing::TemporaryDirectory unbroken_directory;
  Life unbroken(unbroken_directory.path().string());
  ASSERT_EQ(train(unbroken), 14);

  Life first(run());
  first.environment.stop_step = 9;
  ASSERT_EQ(train(first), 9);
  Life second(run());
  ASSERT_EQ(train(second), 5);

  EXPECT_EQ(second.resumed.step, 9);
  EXPECT_TRUE(torch::equal(second.weights()[0], unbroken.weights()[0]));
}

}  // namespace
}  // namespace fabric
