#include <fabric/error.h>
#include <fabric/optim.h>
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <functional>

namespace fabric::optim {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using Tensors = std::vector<at::Tensor>;
using Make = std::function<std::unique_ptr<torch::optim::Optimizer>(const Tensors&)>;

/// An optimizer of Fabric, and the one of LibTorch that computes the same.
struct Kind {
  const char* name;
  Make fused;
  Make plain;
};

template <class Fused, class Plain, class Options>
Kind kind(const char* name, const Options& options) {
  return {name, [=](const Tensors& parameters) { return std::make_unique<Fused>(parameters, options); },
          [=](const Tensors& parameters) { return std::make_unique<Plain>(parameters, options); }};
}

/// Parameters of every layout: contiguous, channels_last, transposed, with holes, and of one element.
Tensors parameters_of_every_layout() {
  torch::manual_seed(3);
  return {torch::randn({3, 5}),     torch::randn({4, 3, 5, 5}).contiguous(at::MemoryFormat::ChannelsLast),
          torch::randn({6, 7}).t(), torch::randn({4, 10}).slice(1, 0, 10, 3),
          torch::randn({}),         torch::randn({8, 4}, at::kDouble)};
}

/// Steps copies of the same parameters. Gradients have the layout of their parameter or, with `strange`, another one.
Tensors train(const Make& make, bool strange_gradients, int steps) {
  Tensors parameters = parameters_of_every_layout();
  for (at::Tensor& parameter : parameters) parameter.requires_grad_();
  const auto optimizer = make(parameters);
  for (int step = 0; step < steps; ++step) {
    for (at::Tensor& parameter : parameters) {
      const at::Tensor gradient = (parameter.detach() * 3 + step).sin();
      parameter.mutable_grad() = strange_gradients ? gradient.transpose(0, -1).contiguous().transpose(0, -1)
                                                   : at::empty_like(parameter.detach()).copy_(gradient);
    }
    optimizer->step();
  }
  return parameters;
}

class FusedOptimizerTest : public ::testing::TestWithParam<Kind> {};

TEST_P(FusedOptimizerTest, StepsParametersOfEveryLayoutAsLibTorchDoes) {
  const Tensors plain = train(GetParam().plain, /*strange_gradients=*/false, 5);

  for (const bool strange_gradients : {false, true}) {
    const Tensors fused = train(GetParam().fused, strange_gradients, 5);
    for (size_t i = 0; i < plain.size(); ++i) {
      EXPECT_TRUE(torch::allclose(fused[i], plain[i], 1e-6, 1e-6)) << i << (fused[i] - plain[i]);
    }
  }
}

TEST_P(FusedOptimizerTest, GivesTheSameBitsForEveryLayoutOfAGradient) {
  const Tensors as_parameters = train(GetParam().fused, /*strange_gradients=*/false, 5);
  const Tensors others = train(GetParam().fused, /*strange_gradients=*/true, 5);

  for (size_t i = 0; i < others.size(); ++i) EXPECT_TRUE(torch::equal(as_parameters[i], others[i])) << i;
}

TEST_P(FusedOptimizerTest, FollowsAParameterWhoseLayoutChanges) {
  const auto run = [](const Make& make, bool change) {
    torch::manual_seed(4);
    at::Tensor parameter = torch::randn({2, 3, 4, 4}).requires_grad_();
    const auto optimizer = make({parameter});
    for (int step = 0; step < 4; ++step) {
      if (change && step == 2) parameter.set_data(parameter.data().contiguous(at::MemoryFormat::ChannelsLast));
      parameter.mutable_grad() = parameter.detach().cos();
      optimizer->step();
    }
    return parameter.detach().clone();
  };

  EXPECT_TRUE(torch::equal(run(GetParam().fused, true), run(GetParam().fused, false)));
}

TEST_P(FusedOptimizerTest, LeavesParametersWithoutGradientAlone) {
  at::Tensor with = torch::ones(2).requires_grad_(), without = torch::ones(2).requires_grad_();
  const auto optimizer = GetParam().fused({without, with});
  with.mutable_grad() = torch::ones(2);

  optimizer->step();

  EXPECT_TRUE(torch::equal(without, torch::ones(2)));
  EXPECT_FALSE(torch::equal(with, torch::ones(2)));
  EXPECT_EQ(optimizer->state().count(without.unsafeGetTensorImpl()), 0);
}

TEST_P(FusedOptimizerTest, EvaluatesTheClosureWithGradients) {
  at::Tensor parameter = torch::ones(2).requires_grad_();
  const auto optimizer = GetParam().fused({parameter});

  const at::Tensor loss = optimizer->step([&] {
    at::Tensor value = parameter.square().sum();
    value.backward();
    return value;
  });

  EXPECT_EQ(loss.item<float>(), 2);
  EXPECT_LT(parameter[0].item<float>(), 1);
}

TEST_P(FusedOptimizerTest, RefusesWhatTheKernelCannotTake) {
  at::Tensor complex = torch::ones(2, at::kComplexFloat).requires_grad_();
  complex.mutable_grad() = torch::ones(2, at::kComplexFloat);
  at::Tensor table = torch::ones({2, 2}).requires_grad_();
  table.mutable_grad() = torch::ones({2, 2}).to_sparse();

  EXPECT_THAT([&] { GetParam().fused({complex})->step(); }, ThrowsMessage<UsageError>(HasSubstr("floating-point")));
  EXPECT_THAT([&] { GetParam().fused({table})->step(); }, ThrowsMessage<UsageError>(HasSubstr("sparse")));
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, FusedOptimizerTest,
    ::testing::Values(kind<AdamW, torch::optim::AdamW>("AdamW", AdamWOptions(0.1)),
                      kind<AdamW, torch::optim::AdamW>("AdamWAmsgrad",
                                                       AdamWOptions(0.1).amsgrad(true).betas({0.8, 0.9})),
                      kind<Adam, torch::optim::Adam>("Adam", AdamOptions(0.1).weight_decay(0.1)),
                      kind<SGD, torch::optim::SGD>("Sgd", SGDOptions(0.1).weight_decay(0.1)),
                      kind<SGD, torch::optim::SGD>("SgdMomentum", SGDOptions(0.1).momentum(0.9).dampening(0.1)),
                      kind<SGD, torch::optim::SGD>("SgdNesterov", SGDOptions(0.1).momentum(0.9).nesterov(true))),
    [](const auto& kind) { return kind.param.name; });

TEST(FusedSgdTest, TakesParametersThatJoinLater) {
  const auto run = [](auto make) {
    at::Tensor first = torch::ones(3).requires_grad_(), later = torch::ones(3).requires_grad_();
    auto optimizer = make(Tensors{first, later});
    for (int step = 0; step < 3; ++step) {
      first.mutable_grad() = torch::full(3, 0.5);
      if (step > 0) later.mutable_grad() = torch::full(3, 0.25);
      optimizer.step();
    }
    return torch::cat({first, later});
  };
  const SGDOptions options = SGDOptions(0.1).momentum(0.9);

  EXPECT_TRUE(torch::allclose(run([&](const Tensors& p) { return SGD(p, options); }),
                              run([&](const Tensors& p) { return torch::optim::SGD(p, options); })));
}

}  // namespace
}  // namespace fabric::optim
