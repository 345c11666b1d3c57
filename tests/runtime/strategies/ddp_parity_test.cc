#include <gmock/gmock.h>
#include <torch/torch.h>

#include <string>

#include "support/strategy_rig.h"

namespace fabric {
namespace {

using fabric::testing::RankEnvironment;
using fabric::testing::run_ranks;
using fabric::testing::StrategyRig;
using fabric::testing::weights_of;

constexpr int64_t kGlobalBatch = 12;
constexpr int kSteps = 20;

torch::nn::Sequential make_net() {
  torch::manual_seed(7);
  torch::nn::Sequential net;
  net->push_back(torch::nn::Linear(8, 32));
  net->push_back(torch::nn::Tanh());
  net->push_back(torch::nn::Linear(32, 3));
  return net;
}

struct Batch {
  at::Tensor inputs;
  at::Tensor targets;
};

/// Returns this rank's part of the global batch of `step`, the same for any number of ranks when put together.
Batch batch_of(const Strategy::DataShare& share, int step) {
  auto generator = at::detail::createCPUGenerator(static_cast<uint64_t>(step) + 1);
  const at::Tensor inputs = torch::randn({kGlobalBatch, 8}, generator);
  const at::Tensor targets = torch::randint(0, 3, {kGlobalBatch}, generator, torch::kLong);
  const int64_t size = kGlobalBatch / share.num_replicas;
  return {inputs.narrow(0, share.rank * size, size), targets.narrow(0, share.rank * size, size)};
}

/// Trains on each rank; where `micro_batches` is 2, each step accumulates two half batches. Returns the weights.
std::string train(RankEnvironment& environment, const std::string& strategy, int micro_batches) {
  StrategyRig rig(environment, strategy);
  torch::nn::Sequential net = make_net();
  const auto handle = rig.setup(*net);
  torch::optim::SGD optimizer(net->parameters(), torch::optim::SGDOptions(0.1).momentum(0.9));
  for (int step = 0; step < kSteps; ++step) {
    const Batch batch = batch_of(rig.strategy->data_share(), step);
    optimizer.zero_grad();
    const int64_t size = batch.inputs.size(0) / micro_batches;
    for (int part = 0; part < micro_batches; ++part) {
      handle->set_backward_sync(part + 1 == micro_batches);
      const at::Tensor output = net->forward(batch.inputs.narrow(0, part * size, size));
      rig.strategy->backward(torch::nn::functional::cross_entropy(output, batch.targets.narrow(0, part * size, size)) /
                             micro_batches);
    }
    optimizer.step();
  }
  return weights_of(*net);
}

std::vector<std::string> weights_after(int world_size, const std::string& strategy, int micro_batches = 1) {
  std::vector<std::string> weights;
  for (auto& outcome : run_ranks(
           world_size, [&](RankEnvironment& environment) { return train(environment, strategy, micro_batches); })) {
    EXPECT_TRUE(outcome.ok) << outcome.text;
    weights.push_back(outcome.text);
  }
  return weights;
}

at::Tensor tensor_of(const std::string& bytes) {
  return torch::from_blob(const_cast<char*>(bytes.data()), {static_cast<int64_t>(bytes.size() / sizeof(float))},
                          torch::kFloat)
      .clone();
}

void expect_close(const std::string& a, const std::string& b) {
  ASSERT_FALSE(a.empty());
  ASSERT_EQ(a.size(), b.size());
  EXPECT_LT((tensor_of(a) - tensor_of(b)).abs().max().item<float>(), 1e-5);
}

TEST(DdpParityTest, TwoAndThreeRanksTrainAsOneDoes) {
  const std::string one = weights_after(1, "single_device")[0];

  for (const int world_size : {1, 2, 3}) {
    for (const std::string& weights : weights_after(world_size, "ddp")) expect_close(weights, one);
  }
}

TEST(DdpParityTest, AllRanksEndWithTheSameBits) {
  const auto weights = weights_after(3, "ddp");

  EXPECT_EQ(weights[0], weights[1]);
  EXPECT_EQ(weights[0], weights[2]);
}

TEST(DdpParityTest, ARunRepeatsBitByBit) { EXPECT_EQ(weights_after(2, "ddp"), weights_after(2, "ddp")); }

TEST(DdpParityTest, AccumulationWithSyncOffTrainsAsOneBatchDoes) {
  const std::string whole = weights_after(1, "single_device")[0];

  for (const std::string& weights : weights_after(2, "ddp", 2)) expect_close(weights, whole);
}

TEST(DdpParityTest, FindingUnusedParametersChangesNothingWhereAllAreUsed) {
  EXPECT_EQ(weights_after(2, "ddp_find_unused_parameters_true"), weights_after(2, "ddp"));
}

}  // namespace
}  // namespace fabric
