// A real training with ddp that is stopped and resumed in new processes, beside the same training unbroken.
#include <fabric/fabric.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <random>

#include "support/ranks.h"
#include "support/repeats.h"
#include "support/strategy_rig.h"
#include "support/temporary_directory.h"

namespace fabric {
namespace {

using fabric::testing::RankEnvironment;
using fabric::testing::run_ranks;

constexpr int64_t kEpochs = 2;
constexpr int64_t kStepsOfEpoch = 8;

/// Points on a noisy line: the noise is drawn anew each epoch.
struct Line {
  size_t size() const { return 64; }
  std::pair<at::Tensor, at::Tensor> get(size_t index, SampleContext& context) const {
    const at::Tensor x = torch::linspace(-1, 1, 4) + static_cast<double>(index) / 64;
    return {x + 0.1 * torch::randn({4}, context.generator), x.sum().unsqueeze(0) + 0.1 * torch::randn({1})};
  }
};

struct Plan {
  int num_workers = 0;
  int64_t stop_after = -1;   ///< saves and ends after that many steps
  std::string checkpoint{};  ///< what is saved then, or resumed from
  bool resumes = false;
};

std::string train(RankEnvironment& environment, const Plan& plan) {
  Fabric fabric(environment, {.strategy = "ddp"});
  fabric.seed_everything(3);
  auto model =
      fabric.setup_module(torch::nn::Sequential(torch::nn::Linear(4, 8), torch::nn::Tanh(), torch::nn::Linear(8, 1)));
  auto optimizer =
      fabric.setup_optimizer(torch::optim::SGD(model.parameters(), torch::optim::SGDOptions(0.05).momentum(0.9)));
  auto loader =
      fabric.setup_dataloader(Line{}, {.global_batch_size = 8, .shuffle = true, .num_workers = plan.num_workers});
  State state{{"model", model}, {"optimizer", optimizer}, {"loader", loader}};
  if (plan.resumes) fabric.load(plan.checkpoint, state);
  int64_t steps = 0;
  for ([[maybe_unused]] const int64_t epoch : loader.epochs(kEpochs)) {
    for (auto& [x, y] : loader) {
      fabric.backward(torch::mse_loss(model(x), y));
      optimizer.step();
      optimizer.zero_grad();
      if (++steps != plan.stop_after) continue;
      fabric.save(plan.checkpoint, state);
      return "stopped";
    }
  }
  std::string weights;
  for (const at::Tensor& parameter : model.parameters()) {
    const at::Tensor data = parameter.detach().contiguous();
    weights.append(static_cast<const char*>(data.const_data_ptr()), data.nbytes());
  }
  return weights;
}

std::vector<std::string> on_two_ranks(const Plan& plan) {
  std::vector<std::string> texts;
  for (const auto& outcome : run_ranks(2, [&](RankEnvironment& environment) { return train(environment, plan); })) {
    EXPECT_TRUE(outcome.ok) << outcome.text;
    texts.push_back(outcome.text);
  }
  return texts;
}

TEST(TrainingResumeTest, GivesTheWeightsOfTheUnbrokenTrainingBitForBit) {
  const testing::TemporaryDirectory directory;
  std::mt19937 random(7);
  const std::vector<std::string> unbroken = on_two_ranks({});
  ASSERT_EQ(unbroken.at(0).size(), sizeof(float) * (4 * 8 + 8 + 8 + 1));
  EXPECT_EQ(unbroken.at(0), unbroken.at(1));
  EXPECT_EQ(on_two_ranks({.num_workers = 3}), unbroken);
  for (const int num_workers : {0, 3}) {
    for (int repeat = 0; repeat < testing::repeats(5); ++repeat) {
      const auto stop = std::uniform_int_distribution<int64_t>(1, kEpochs * kStepsOfEpoch)(random);
      const std::string checkpoint =
          directory.file(std::to_string(num_workers) + "-" + std::to_string(repeat) + ".ckpt");
      on_two_ranks({num_workers, stop, checkpoint});

      const std::vector<std::string> resumed = on_two_ranks({num_workers, -1, checkpoint, true});

      EXPECT_EQ(resumed, unbroken) << num_workers << " workers, stopped after step " << stop;
    }
  }
}

}  // namespace
}  // namespace fabric
