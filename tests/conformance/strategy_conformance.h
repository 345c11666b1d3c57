#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <memory>
#include <string>
#include <vector>

#include "core/concat.h"
#include "fabric/strategy.h"
#include "support/ranks.h"
#include "support/strategy_rig.h"

namespace fabric::testing {

/// A strategy to be tried with so many ranks, each a process.
struct StrategyCase {
  std::string name;
  int world_size = 1;
};

inline std::string strategy_case_name(const ::testing::TestParamInfo<StrategyCase>& info) {
  return concat(info.param.name, "_x", info.param.world_size);
}

/// What every strategy must do. For strategies that leave each rank the whole model.
class StrategyConformanceTest : public ::testing::TestWithParam<StrategyCase> {
 protected:
  /// Runs `body` on every rank with the strategy set up, and expects all of them to return.
  template <class Body>
  static void on_each_rank(const Body& body) {
    const std::string name = GetParam().name;
    const auto outcomes = run_ranks(GetParam().world_size, [&](RankEnvironment& environment) {
      StrategyRig rig(environment, name);
      body(*rig.strategy, rig);
      return std::string();
    });
    for (const RankOutcome& outcome : outcomes) EXPECT_TRUE(outcome.ok) << outcome.text;
  }
  /// Returns a linear map of ones without a bias, whose gradient is the sum of its inputs.
  static torch::nn::Linear summing_model() {
    torch::nn::Linear model(torch::nn::LinearOptions(2, 1).bias(false));
    model->weight.data().fill_(1);
    return model;
  }
  /// Returns the mean over ranks of rank + 1, in which the gradient of a loss that each rank scales by that shows.
  static double mean_scale(Strategy& strategy) { return (strategy.collective().world_size() + 1) / 2.0; }
  static double scale(Strategy& strategy) { return strategy.collective().rank() + 1; }
};

TEST_P(StrategyConformanceTest, StandsInTheWorldThatTheEnvironmentNames) {
  on_each_rank([](Strategy& strategy, StrategyRig&) {
    require(strategy.collective().world_size() == GetParam().world_size, "world size");
    const auto share = strategy.data_share();
    require(share.num_replicas == strategy.collective().world_size(), "one share for each rank");
    require(share.rank == strategy.collective().rank(), "this rank's share");
    require(strategy.device() == at::kCPU, "device");
  });
}

TEST_P(StrategyConformanceTest, StartsAllRanksWithTheParametersAndBuffersOfRankZero) {
  on_each_rank([](Strategy& strategy, StrategyRig& rig) {
    torch::manual_seed(strategy.collective().rank());
    torch::nn::Sequential model(torch::nn::Linear(4, 3), torch::nn::BatchNorm1d(3));
    model->buffers()[0].fill_(strategy.collective().rank());
    const auto handle = rig.setup(*model);
    const at::Tensor weights = strategy.collective().all_gather(model->parameters()[0]);
    for (int64_t rank = 0; rank < weights.size(0); ++rank)
      require(torch::equal(weights[rank], weights[0]), "equal weights");
    require(model->buffers()[0].sum().item<double>() == 0, "buffers of rank 0");
  });
}

TEST_P(StrategyConformanceTest, LeavesTheMeanOfTheGradientsOnEveryRank) {
  on_each_rank([](Strategy& strategy, StrategyRig& rig) {
    auto model = summing_model();
    const auto handle = rig.setup(*model);
    for (int pass = 0; pass < 3; ++pass) {
      model->zero_grad();
      strategy.backward((model(torch::ones({1, 2})) * scale(strategy)).sum());
      require(model->weight.grad()[0][1].item<double>() == mean_scale(strategy), concat("gradient of pass ", pass));
    }
  });
}

TEST_P(StrategyConformanceTest, AccumulatesLocallyWhileSyncIsOffAndReducesTheSum) {
  on_each_rank([](Strategy& strategy, StrategyRig& rig) {
    auto model = summing_model();
    const auto handle = rig.setup(*model);
    require(handle->backward_sync(), "on at first");
    const auto pass = [&] { strategy.backward((model(torch::ones({1, 2})) * scale(strategy)).sum()); };
    for (int round = 0; round < 2; ++round) {
      handle->set_backward_sync(false);
      pass();
      pass();
      require(model->weight.grad()[0][0].item<double>() == 2 * scale(strategy), "local sum");
      handle->set_backward_sync(true);
      pass();
      require(model->weight.grad()[0][0].item<double>() == 3 * mean_scale(strategy), "mean of the sums");
      model->zero_grad();
    }
  });
}

TEST_P(StrategyConformanceTest, WorksWithRawOptimizersThatZeroGradients) {
  on_each_rank([](Strategy& strategy, StrategyRig& rig) {
    auto model = summing_model();
    const auto handle = rig.setup(*model);
    torch::optim::SGD optimizer(model->parameters(), 0.5);
    for (const bool set_to_none : {true, false, true, false}) {
      optimizer.zero_grad(set_to_none);
      strategy.backward((model(torch::ones({1, 2})) * scale(strategy)).sum());
      require(model->weight.grad()[0][0].item<double>() == mean_scale(strategy), "gradient after zero_grad");
      optimizer.step();
    }
  });
}

TEST_P(StrategyConformanceTest, TrainsSeveralModulesAndModulesThatALossDoesNotReach) {
  on_each_rank([](Strategy& strategy, StrategyRig& rig) {
    auto first = summing_model();
    auto second = summing_model();
    const auto handles = std::make_pair(rig.setup(*first), rig.setup(*second));
    for (int pass = 0; pass < 2; ++pass) {
      strategy.backward((first(torch::ones({1, 2})) * scale(strategy)).sum());
      require(first->weight.grad()[0][0].item<double>() == mean_scale(strategy), "gradient of the first");
      require(!second->weight.grad().defined(), "the second is not reached");
      first->zero_grad();
    }
    strategy.backward(((first(torch::ones({1, 2})) + second(torch::ones({1, 2}))) * scale(strategy)).sum());
    require(second->weight.grad()[0][0].item<double>() == mean_scale(strategy), "gradient of the second");
  });
}

TEST_P(StrategyConformanceTest, LetsLibTorchsOwnErrorsPass) {
  on_each_rank([](Strategy& strategy, StrategyRig& rig) {
    auto model = summing_model();
    const auto handle = rig.setup(*model);
    bool has_thrown = false;
    try {
      strategy.backward(torch::ones({}));
    } catch (const c10::Error&) {
      has_thrown = true;
    }
    require(has_thrown, "a loss without a graph must throw");
  });
}

}  // namespace fabric::testing
