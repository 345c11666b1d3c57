#include <fabric/fabric.h>
#include <gmock/gmock.h>
#include <torch/torch.h>

#include "runtime/api/single_rank.h"

namespace fabric {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::vector<std::string> keys_of(const Value& dict) {
  std::vector<std::string> names;
  for (const auto& [name, value] : dict.to_dict()) names.push_back(name);
  return names;
}

/// A parameter of its own kind with a gradient that depends on its value.
struct Bowl {
  at::Tensor parameter = torch::tensor({1.0f, -2.0f, 3.0f}).requires_grad_();
  void descend(Optimizer& optimizer, int steps) {
    for (int i = 0; i < steps; ++i) {
      optimizer.zero_grad();
      parameter.square().sum().backward();
      optimizer.step();
    }
  }
};

/// Makes an optimizer of the class that the test is about.
using Make = std::function<std::shared_ptr<torch::optim::Optimizer>(const at::Tensor& parameter)>;
struct Kind {
  const char* name;
  Make make;
};

class OptimizerStateTest : public ::testing::TestWithParam<Kind> {};

TEST_P(OptimizerStateTest, GoesOnExactlyWhereItWasSaved) {
  SingleRank rank;
  Bowl bowl, restored;
  auto optimizer = rank.fabric.setup_optimizer(GetParam().make(bowl.parameter));
  auto other = rank.fabric.setup_optimizer(GetParam().make(restored.parameter));
  bowl.descend(optimizer, 3);
  restored.parameter.data().copy_(bowl.parameter);
  optimizer.set_lr(0.03);

  other.load_state_dict(optimizer.state_dict());
  bowl.descend(optimizer, 3);
  restored.descend(other, 3);

  EXPECT_EQ(other.lr(), 0.03);
  EXPECT_TRUE(torch::equal(restored.parameter, bowl.parameter));
}

template <class O, class Options>
Make maker(const Options& options) {
  return [options](const at::Tensor& parameter) {
    return std::make_shared<O>(std::vector<at::Tensor>{parameter}, options);
  };
}

INSTANTIATE_TEST_SUITE_P(
    AllClasses, OptimizerStateTest,
    ::testing::Values(Kind{"Sgd", maker<optim::SGD>(optim::SGDOptions(0.1))},
                      Kind{"SgdMomentum", maker<optim::SGD>(optim::SGDOptions(0.1).momentum(0.9).nesterov(true))},
                      Kind{"Adam", maker<optim::Adam>(optim::AdamOptions(0.1).amsgrad(true))},
                      Kind{"AdamW", maker<optim::AdamW>(optim::AdamWOptions(0.1).betas({0.8, 0.9}))},
                      Kind{"TorchSgd", maker<torch::optim::SGD>(optim::SGDOptions(0.1).momentum(0.9))},
                      Kind{"TorchAdam", maker<torch::optim::Adam>(optim::AdamOptions(0.1).amsgrad(true))},
                      Kind{"TorchAdamW", maker<torch::optim::AdamW>(optim::AdamWOptions(0.1))},
                      Kind{"RMSprop", maker<optim::RMSprop>(optim::RMSpropOptions(0.1).momentum(0.5).centered(true))},
                      Kind{"Adagrad", maker<optim::Adagrad>(optim::AdagradOptions(0.1).lr_decay(0.01))}),
    [](const auto& kind) { return kind.param.name; });

TEST(OptimizerTest, WritesTheLayoutOfPython) {
  SingleRank rank;
  Bowl bowl;
  auto optimizer = rank.fabric.setup_optimizer(optim::AdamW(std::vector<at::Tensor>{bowl.parameter}, 1e-3));
  bowl.descend(optimizer, 2);

  const Value state = optimizer.state_dict();
  const Value& group = state.at("param_groups").to_list().at(0);

  EXPECT_THAT(keys_of(state), ElementsAre("state", "param_groups"));
  EXPECT_THAT(keys_of(group), ElementsAre("lr", "betas", "eps", "weight_decay", "amsgrad", "maximize", "foreach",
                                          "capturable", "differentiable", "fused", "decoupled_weight_decay", "params"));
  EXPECT_EQ(group.at("params").to_list().at(0).to_int(), 0);
  EXPECT_THAT(keys_of(state.at("state").at("0")), ElementsAre("step", "exp_avg", "exp_avg_sq"));
  EXPECT_EQ(state.at("state").at("0").at("step").to_tensor().item<float>(), 2);
}

TEST(OptimizerTest, CountsParametersOverAllGroups) {
  SingleRank rank;
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(std::vector<at::Tensor>{torch::ones(1)});
  groups.emplace_back(std::vector<at::Tensor>{torch::ones(1), torch::ones(1)});
  auto optimizer = rank.fabric.setup_optimizer(torch::optim::SGD(groups, 0.1));

  const Value state = optimizer.state_dict();

  EXPECT_EQ(state.at("param_groups").to_list().at(1).at("params").to_list().at(1).to_int(), 2);
}

TEST(OptimizerTest, RefusesAStateThatDoesNotFitAndKeepsItsOwn) {
  SingleRank rank;
  Bowl bowl;
  auto optimizer = rank.fabric.setup_optimizer(
      optim::SGD(std::vector<at::Tensor>{bowl.parameter}, optim::SGDOptions(0.1).momentum(0.9)));
  bowl.descend(optimizer, 1);
  auto larger = rank.fabric.setup_optimizer(
      optim::SGD(std::vector<at::Tensor>{torch::ones(1), torch::ones(1)}, optim::SGDOptions(0.7).momentum(0.9)));
  auto other_shape = rank.fabric.setup_optimizer(
      optim::SGD(std::vector<at::Tensor>{torch::ones(5)}, optim::SGDOptions(0.7).momentum(0.9)));

  EXPECT_THAT([&] { larger.load_state_dict(optimizer.state_dict()); },
              ThrowsMessage<UsageError>(HasSubstr("must have 2 parameters, but has 1")));
  EXPECT_THAT([&] { other_shape.load_state_dict(optimizer.state_dict()); },
              ThrowsMessage<UsageError>(HasSubstr("must have the parameter's shape [5], but has [3]")));
  EXPECT_EQ(other_shape.lr(), 0.7);
}

/// A class that nobody knows.
class Own final : public torch::optim::Optimizer {
 public:
  explicit Own(const at::Tensor& parameter)
      : Optimizer({torch::optim::OptimizerParamGroup({parameter})}, std::make_unique<torch::optim::SGDOptions>(0.1)) {}
  at::Tensor step(LossClosure /*closure*/) override { return {}; }
};

TEST(OptimizerTest, SaysWhichClassItCannotSave) {
  SingleRank rank;
  auto optimizer = rank.fabric.setup_optimizer(Own(torch::ones(1)));

  EXPECT_THAT([&] { optimizer.state_dict(); }, ThrowsMessage<UsageError>(HasSubstr("::Own")));
}

/// Descends a quadratic by LBFGS, whose closure evaluates it.
void descend_by_lbfgs(Bowl& bowl, Optimizer& optimizer, int steps) {
  for (int i = 0; i < steps; ++i) {
    optimizer.step([&] {
      optimizer.zero_grad();
      at::Tensor loss =
          (bowl.parameter.square() * torch::tensor({1.0f, 2.0f, 5.0f})).sum() + bowl.parameter.sum().exp();
      loss.backward();
      return loss;
    });
  }
}

TEST(OptimizerTest, LbfgsGoesOnExactlyWhereItWasSaved) {
  SingleRank rank;
  Bowl bowl, restored;
  const auto options = optim::LBFGSOptions(0.1).max_iter(2).history_size(3);
  auto optimizer = rank.fabric.setup_optimizer(optim::LBFGS(std::vector<at::Tensor>{bowl.parameter}, options));
  auto other = rank.fabric.setup_optimizer(optim::LBFGS(std::vector<at::Tensor>{restored.parameter}));
  descend_by_lbfgs(bowl, optimizer, 4);
  restored.parameter.data().copy_(bowl.parameter);

  other.load_state_dict(optimizer.state_dict());
  descend_by_lbfgs(bowl, optimizer, 3);
  descend_by_lbfgs(restored, other, 3);

  EXPECT_TRUE(torch::equal(restored.parameter, bowl.parameter)) << restored.parameter << bowl.parameter;
}

TEST(OptimizerTest, LbfgsRefusesAStateOfOtherParameters) {
  SingleRank rank;
  Bowl bowl;
  auto optimizer = rank.fabric.setup_optimizer(optim::LBFGS(std::vector<at::Tensor>{bowl.parameter}));
  auto other = rank.fabric.setup_optimizer(optim::LBFGS(std::vector<at::Tensor>{torch::ones(5)}, 0.5));
  descend_by_lbfgs(bowl, optimizer, 1);

  EXPECT_THAT([&] { other.load_state_dict(optimizer.state_dict()); },
              ThrowsMessage<UsageError>(HasSubstr("must have the 5 elements of all parameters in one row")));
  EXPECT_EQ(other.lr(), 0.5);
}

TEST(OptimizerTest, ZeroesGradientsThatAreViews) {
  SingleRank rank;
  at::Tensor parameter = torch::ones(3).requires_grad_();
  const at::Tensor bucket = torch::full({6}, 4.0);
  parameter.mutable_grad() = bucket.narrow(0, 3, 3);
  auto optimizer = rank.fabric.setup_optimizer(optim::SGD(std::vector<at::Tensor>{parameter}, 0.1));

  optimizer.zero_grad(/*set_to_none=*/false);
  EXPECT_EQ(bucket.sum().item<float>(), 12);
  EXPECT_TRUE(parameter.grad().is_view());

  optimizer.zero_grad();
  EXPECT_FALSE(parameter.grad().defined());
}

TEST(OptimizerTest, RefusesAParameterThatStandsTwice) {
  SingleRank rank;
  const at::Tensor tied = torch::ones(3).requires_grad_();

  EXPECT_THAT(
      [&] {
        rank.fabric.setup_optimizer(optim::SGD(std::vector<at::Tensor>{tied, tied}, 0.1));
      },
      ThrowsMessage<UsageError>(HasSubstr("would be stepped twice")));
}

TEST(OptimizerTest, CannotBeSetUpTwiceWhileAHandleLives) {
  SingleRank rank;
  torch::optim::SGD raw(std::vector<at::Tensor>{torch::ones(3)}, 0.1);
  const auto handle = rank.fabric.setup_optimizer(raw);

  EXPECT_THROW(rank.fabric.setup_optimizer(raw), UsageError);
}

}  // namespace
}  // namespace fabric
