#include <gmock/gmock.h>
#include <signal.h>
#include <torch/torch.h>

#include <chrono>
#include <thread>

#include "core/concat.h"
#include "fabric/ddp.h"
#include "fabric/error.h"
#include "support/strategy_rig.h"

namespace fabric {
namespace {

using fabric::testing::RankEnvironment;
using fabric::testing::RankOutcome;
using fabric::testing::require;
using fabric::testing::run_ranks;
using fabric::testing::StrategyRig;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// Two branches, of which a pass may take one; `shared` takes part always.
struct BranchesImpl : torch::nn::Module {
  BranchesImpl() {
    shared = register_module("shared", torch::nn::Linear(2, 2));
    left = register_module("left", torch::nn::Linear(2, 2));
    right = register_module("right", torch::nn::Linear(2, 2));
  }
  at::Tensor forward(const at::Tensor& x, bool with_right) {
    const at::Tensor hidden = shared(x);
    return (with_right ? left(hidden) + right(hidden) : left(hidden)).sum();
  }
  torch::nn::Linear shared{nullptr}, left{nullptr}, right{nullptr};
};
TORCH_MODULE(Branches);

const at::Tensor kInput = torch::ones({1, 2});

template <class Body>
std::vector<RankOutcome> with_ddp(int world_size, const DdpOptions& options, const Body& body) {
  return run_ranks(world_size, [&](RankEnvironment& environment) {
    StrategyRig rig(environment, make_ddp_strategy(options));
    return std::string(body(*rig.strategy, rig));
  });
}

void expect_well(const std::vector<RankOutcome>& outcomes) {
  for (const RankOutcome& outcome : outcomes) EXPECT_TRUE(outcome.ok) << outcome.text;
}

bool is_equal_on_all_ranks(Strategy& strategy, const at::Tensor& tensor) {
  const at::Tensor all = strategy.collective().all_gather(tensor);
  return torch::equal(all, all[0].expand_as(all));
}

TEST(DdpStrategyTest, NamesUnusedParametersOnEveryRankInTheSameStep) {
  const auto outcomes = with_ddp(2, {}, [](Strategy& strategy, StrategyRig& rig) {
    Branches model;
    const auto handle = rig.setup(*model);
    strategy.backward(model(kInput, true));
    strategy.backward(model(kInput, false));
    return "";
  });

  for (size_t rank = 0; rank < 2; ++rank) {
    EXPECT_THAT(outcomes[rank].text,
                AllOf(HasSubstr(concat("UsageError: every trainable parameter must take part in the loss, but on rank ",
                                       rank, " 2 do not: 'right.weight', 'right.bias'")),
                      HasSubstr("ddp_find_unused_parameters_true")));
  }
}

TEST(DdpStrategyTest, GoesOnAfterAPassThatWasRefused) {
  expect_well(with_ddp(2, {}, [](Strategy& strategy, StrategyRig& rig) {
    Branches model;
    const auto handle = rig.setup(*model);
    try {
      strategy.backward(model(kInput, false));
      require(false, "must throw");
    } catch (const UsageError&) {
    }
    strategy.backward(model(kInput * (strategy.collective().rank() + 1), true));
    require(is_equal_on_all_ranks(strategy, model->right->weight.grad()), "gradients are reduced");
    return "";
  }));
}

TEST(DdpStrategyTest, LeavesOutWhatNoRankUsedAndAveragesWhatOneRankUsed) {
  expect_well(with_ddp(2, {.find_unused_parameters = true}, [](Strategy& strategy, StrategyRig& rig) {
    Branches model;
    const auto handle = rig.setup(*model);
    strategy.backward(model(kInput, false));
    require(!model->right->weight.grad().defined(), "no rank used it");
    model->zero_grad();
    strategy.backward(model(kInput, strategy.collective().rank() == 1));
    require(model->right->bias.grad()[0].item<double>() == 0.5, "one rank used it");
    require(is_equal_on_all_ranks(strategy, model->shared->weight.grad()), "all ranks used it");
    return "";
  }));
}

TEST(DdpStrategyTest, LeavesFrozenParametersAlone) {
  expect_well(with_ddp(2, {}, [](Strategy& strategy, StrategyRig& rig) {
    Branches model;
    model->right->weight.requires_grad_(false);
    const auto handle = rig.setup(*model);
    strategy.backward(model(kInput * (strategy.collective().rank() + 1), true));
    require(!model->right->weight.grad().defined(), "frozen");
    require(is_equal_on_all_ranks(strategy, model->left->weight.grad()), "the others are reduced");
    return "";
  }));
}

TEST(DdpStrategyTest, FollowsParametersThatAreFrozenUnfrozenOrReplacedLater) {
  expect_well(with_ddp(2, {}, [](Strategy& strategy, StrategyRig& rig) {
    Branches model;
    const auto handle = rig.setup(*model);
    const auto pass = [&](const char* when) {
      model->zero_grad();
      const at::Tensor input = (kInput * (strategy.collective().rank() + 1)).to(model->shared->weight.scalar_type());
      strategy.backward(model(input, true));
      require(is_equal_on_all_ranks(strategy, model->left->weight.grad()), when);
      const at::Tensor right = model->right->weight.grad();
      require(!right.defined() || is_equal_on_all_ranks(strategy, right), when);
    };
    pass("at first");
    model->right->weight.requires_grad_(false);
    pass("frozen");
    model->right->weight.requires_grad_(true);
    pass("unfrozen");
    model->zero_grad();
    model->to(torch::kDouble);
    pass("converted, which replaces what the reducer's hooks hang on");
    return "";
  }));
}

TEST(DdpStrategyTest, TrainsTiedWeightsOnce) {
  expect_well(with_ddp(2, {}, [](Strategy& strategy, StrategyRig& rig) {
    struct Tied : torch::nn::Module {
      Tied() : weight(register_parameter("weight", torch::ones({2, 2}))) { register_parameter("again", weight); }
      at::Tensor weight;
    } model;
    const auto handle = rig.setup(model);
    const double scale = strategy.collective().rank() + 1;
    strategy.backward((torch::matmul(model.weight, model.weight) * scale).sum());
    require(model.weight.grad()[0][0].item<double>() == 6, "d/dw of the sum of w*w, 4, times the mean of 1 and 2");
    return "";
  }));
}

TEST(DdpStrategyTest, CopiesBuffersFromRankZeroAfterASynchronisedPass) {
  expect_well(with_ddp(2, {}, [](Strategy& strategy, StrategyRig& rig) {
    torch::nn::BatchNorm1d norm(2);
    const auto handle = rig.setup(*norm);
    const at::Tensor input = torch::rand({4, 2}) + strategy.collective().rank();
    const at::Tensor first = norm(input).pow(2).sum();
    const at::Tensor second = norm(input).pow(3).sum();
    strategy.backward(first);
    require(is_equal_on_all_ranks(strategy, norm->running_mean), "running means are those of rank 0");
    strategy.backward(second);  // its graph was made before the buffers changed
    require(is_equal_on_all_ranks(strategy, norm->num_batches_tracked), "counters too");
    return "";
  }));
}

TEST(DdpStrategyTest, RefusesModulesThatDifferBetweenRanks) {
  const auto outcomes = with_ddp(2, {}, [](Strategy& strategy, StrategyRig& rig) {
    torch::nn::Linear model(2 + strategy.collective().rank(), 2);
    rig.setup(*model);
    return "";
  });

  EXPECT_THAT(outcomes[1].text, HasSubstr("a module must have the same parameters on all ranks"));
  EXPECT_FALSE(outcomes[0].ok && outcomes[1].ok);
}

TEST(DdpStrategyTest, ReportsARankThatDiesDuringTrainingInsteadOfWaiting) {
  const auto outcomes = with_ddp(2, {}, [](Strategy& strategy, StrategyRig& rig) {
    Branches model;
    const auto handle = rig.setup(*model);
    for (int step = 0; step < 100; ++step) {
      if (step == 3 && strategy.collective().rank() == 1) ::raise(SIGKILL);
      strategy.backward(model(kInput, true));
    }
    return "";
  });

  EXPECT_EQ(outcomes[1].signal, SIGKILL);
  EXPECT_THAT(outcomes[0].text,
              HasSubstr("PeerError: the exchange of gradients failed, because another rank left or did not come"));
}

TEST(DdpStrategyTest, WaitsBeyondItsTimeoutForARankThatADebuggerMayHold) {
  constexpr std::chrono::milliseconds kTimeout(100);
  expect_well(run_ranks(2, [&](RankEnvironment& environment) {
    environment.wait_without_limit();
    const auto hold = [&] {
      if (environment.global_rank() == 1) std::this_thread::sleep_for(5 * kTimeout);
    };
    hold();
    StrategyRig rig(environment, make_ddp_strategy({.timeout = kTimeout}));
    hold();
    rig.strategy->collective().barrier("held");
    hold();
    at::Tensor sum = torch::ones({1});
    rig.strategy->collective().all_reduce(sum, ReduceOp::kSum);
    require(sum.item<float>() == 2, "both took part");
    return std::string();
  }));
}

TEST(DdpStrategyTest, RefusesOptionsOutOfRange) {
  EXPECT_THROW(make_ddp_strategy({.bucket_bytes = 0}), UsageError);
  EXPECT_THROW(make_ddp_strategy({.first_bucket_bytes = -1}), UsageError);
  EXPECT_THROW(make_ddp_strategy({.timeout = std::chrono::milliseconds(0)}), UsageError);
}

TEST(SingleDeviceStrategyTest, RefusesAWorldOfTwo) {
  const auto outcomes = run_ranks(2, [](RankEnvironment& environment) {
    StrategyRig rig(environment, "single_device");
    return std::string();
  });

  EXPECT_THAT(outcomes[0].text,
              HasSubstr("UsageError: strategy 'single_device' needs a world of 1 rank, but there are 2"));
}

}  // namespace
}  // namespace fabric
