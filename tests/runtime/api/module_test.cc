#include <fabric/fabric.h>
#include <gmock/gmock.h>
#include <torch/torch.h>

#include "runtime/api/single_rank.h"

namespace fabric {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

struct TiedNet : torch::nn::Module {
  at::Tensor input = register_parameter("input", torch::ones({5, 3}));
  at::Tensor output = register_parameter("output", input);
  at::Tensor forward(const at::Tensor& x) { return x.matmul(output.t()); }
};

struct NormNet : torch::nn::Module {
  torch::nn::BatchNorm1d norm = register_module("norm", torch::nn::BatchNorm1d(2));
  at::Tensor scale = register_parameter("scale", torch::ones(1));
  at::Tensor forward(const at::Tensor& x) { return norm(x) * scale; }
};

std::vector<std::string> names_of(const Value& dict) {
  std::vector<std::string> names;
  for (const auto& [name, value] : dict.to_dict()) names.push_back(name);
  return names;
}

TEST(ModuleTest, NamesItsStateAsPythonDoesAndInItsOrder) {
  SingleRank rank;
  auto model = rank.fabric.setup_module(NormNet());

  EXPECT_THAT(names_of(model.state_dict()), ElementsAre("scale", "norm.weight", "norm.bias", "norm.running_mean",
                                                        "norm.running_var", "norm.num_batches_tracked"));
}

TEST(ModuleTest, ListsTiedParametersOnceButSavesThemUnderBothNames) {
  SingleRank rank;
  auto model = rank.fabric.setup_module(TiedNet());

  EXPECT_EQ(model->parameters().size(), 2u);
  EXPECT_EQ(model.parameters().size(), 1u);
  EXPECT_THAT(names_of(model.state_dict()), ElementsAre("input", "output"));
}

TEST(ModuleTest, LoadsInPlace) {
  SingleRank rank;
  auto source = rank.fabric.setup_module(torch::nn::Linear(3, 2));
  auto target = rank.fabric.setup_module(torch::nn::Linear(3, 2));
  const at::Tensor weight = target->weight;

  target.load_state_dict(source.state_dict());

  EXPECT_TRUE(torch::equal(weight, source->weight));
  EXPECT_TRUE(weight.requires_grad());
}

TEST(ModuleTest, ListsAllThatDoesNotFitAndChangesNothing) {
  SingleRank rank;
  auto model = rank.fabric.setup_module(torch::nn::Linear(3, 2));
  const at::Tensor before = model->bias.detach().clone();
  const Value state = Dict{{"bias", torch::full({2}, 9.0)}, {"extra", torch::ones(1)}};

  EXPECT_THAT([&] { model.load_state_dict(state); },
              ThrowsMessage<UsageError>(AllOf(HasSubstr("lacks {'weight'}"), HasSubstr("unknown {'extra'}"))));
  EXPECT_TRUE(torch::equal(model->bias, before));

  model.load_state_dict(state, /*strict=*/false);
  EXPECT_EQ(model->bias[0].item<float>(), 9);
}

TEST(ModuleTest, RefusesOtherShapesWithoutStrictToo) {
  SingleRank rank;
  auto model = rank.fabric.setup_module(torch::nn::Linear(3, 2));

  EXPECT_THAT(
      [&] {
        model.load_state_dict(Dict{{"bias", torch::ones(3)}}, false);
      },
      ThrowsMessage<UsageError>(HasSubstr("bias: [3] instead of [2]")));
  EXPECT_THAT(
      [&] {
        model.load_state_dict(Dict{{"bias", 3}}, false);
      },
      ThrowsMessage<UsageError>(HasSubstr("bias: a int instead")));
}

TEST(ModuleTest, CannotBeSetUpTwiceWhileAHandleLives) {
  SingleRank rank;
  torch::nn::Linear layer(3, 2);
  {
    auto model = rank.fabric.setup_module(layer);
    EXPECT_THAT([&] { rank.fabric.setup_module(layer); }, ThrowsMessage<UsageError>(HasSubstr("was set up before")));
  }

  EXPECT_NO_THROW(rank.fabric.setup_module(layer));
}

TEST(ModuleTest, RefusesANullPointer) {
  SingleRank rank;

  EXPECT_THROW(rank.fabric.setup_module(std::shared_ptr<NormNet>()), UsageError);
}

/// Computes in double and counts its scopes, to see what a precision is asked for.
class DoublingPrecision final : public Precision {
 public:
  std::string name() const override { return "doubling"; }
  void convert_module(torch::nn::Module& module) override { module.to(at::kDouble); }
  at::Tensor convert_input(const at::Tensor& input) override {
    return input.is_floating_point() ? input.to(at::kDouble) : input;
  }
  at::Tensor convert_output(const at::Tensor& output) override { return output.to(at::kFloat); }
  std::unique_ptr<PrecisionScope> forward_scope() override {
    ++scopes;
    return nullptr;
  }
  std::unique_ptr<PrecisionScope> init_scope() override { return nullptr; }
  at::Tensor pre_backward(const at::Tensor& loss) override { return loss; }
  void unscale_gradients(torch::optim::Optimizer&) override {}
  at::Tensor optimizer_step(torch::optim::Optimizer& optimizer, const std::function<at::Tensor()>& closure) override {
    return optimizer.step(closure);
  }
  bool needs_entry() const override { return true; }

  int scopes = 0;
};

struct Rewriting : torch::nn::Module {
  at::Tensor forward(const at::Tensor& x, at::Tensor& counter) {
    seen = x.scalar_type();
    counter_seen = counter.scalar_type();
    counter = counter + 1;
    return x;
  }
  at::ScalarType seen = at::kByte;
  at::ScalarType counter_seen = at::kByte;
};

TEST(ModuleTest, ConvertsInputsAndOutputsButNotReferencesThatTheModelChanges) {
  const auto precision = std::make_shared<DoublingPrecision>();
  Options options;
  options.precision = precision;
  SingleRank rank(std::move(options));
  auto model = rank.fabric.setup_module(Rewriting());
  at::Tensor x = torch::ones(2);
  at::Tensor counter = torch::zeros(1);

  const at::Tensor output = model(x, counter);

  EXPECT_EQ(model->seen, at::kDouble);
  EXPECT_EQ(model->counter_seen, at::kFloat);
  EXPECT_EQ(counter.item<float>(), 1);
  EXPECT_EQ(output.scalar_type(), at::kFloat);
  EXPECT_EQ(x.scalar_type(), at::kFloat);
  EXPECT_EQ(precision->scopes, 1);
}

}  // namespace
}  // namespace fabric
