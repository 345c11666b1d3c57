// What the public headers accept and refuse at compile time, in the forms that people write models in.
#include <fabric/fabric.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "runtime/api/single_rank.h"

namespace shop {

struct Batch {
  at::Tensor images;
  std::vector<at::Tensor> labels;
  int64_t index = 0;
};
FABRIC_TENSORS(Batch, &Batch::images, &Batch::labels)

struct Output {
  at::Tensor logits;
};
FABRIC_TENSORS(Output, &Output::logits)

struct PlainNet : torch::nn::Module {
  torch::nn::Linear layer = register_module("layer", torch::nn::Linear(4, 2));
  Output forward(const Batch& batch) { return {layer(batch.images)}; }
  at::Tensor scaled(const at::Tensor& x, double factor = 2.0) { return layer(x) * factor; }
  void count(int64_t& calls) { ++calls; }
};

struct HolderNetImpl : torch::nn::Module {
  at::Tensor forward(at::Tensor x) { return layer(x); }
  torch::nn::Linear layer = register_module("layer", torch::nn::Linear(4, 1));
};
TORCH_MODULE(HolderNet);

struct NoTensors {
  int value;
};

struct Squares {
  size_t length = 6;
  size_t size() const { return length; }
  std::pair<at::Tensor, at::Tensor> get(size_t index) const {
    const auto x = torch::full({1}, static_cast<float>(index));
    return {x, x * x};
  }
};

}  // namespace shop

namespace fabric {
namespace {

static_assert(TensorTree<at::Tensor>);
static_assert(TensorTree<std::optional<std::vector<at::Tensor>>>);
static_assert(TensorTree<std::map<std::string, std::array<at::Tensor, 2>>>);
static_assert(TensorTree<std::pair<at::Tensor, int>>);
static_assert(TensorTree<std::tuple<at::Tensor, std::tuple<at::Tensor, at::Tensor>>>);
static_assert(TensorTree<torch::data::Example<>>);
static_assert(TensorTree<std::vector<shop::Batch>>);
static_assert(!TensorTree<shop::NoTensors>);
static_assert(!TensorTree<std::vector<int>>);
static_assert(!TensorTree<const at::Tensor>);

static_assert(ModuleLike<shop::PlainNet>);
static_assert(ModuleLike<shop::HolderNet>);
static_assert(ModuleLike<shop::HolderNet&>);
static_assert(ModuleLike<std::shared_ptr<shop::PlainNet>>);
static_assert(ModuleLike<torch::nn::Sequential&>);
static_assert(!ModuleLike<shop::PlainNet&>, "a copy of a module is another module");
static_assert(!ModuleLike<shop::NoTensors>);
static_assert(!ModuleLike<Module<shop::PlainNet>&>);

template <class T>
concept CanStandInState = requires(T&& object) {
  State::Entry("name", std::forward<T>(object));
};
static_assert(CanStandInState<Module<shop::PlainNet>&>);
static_assert(CanStandInState<Optimizer&>);
static_assert(CanStandInState<int64_t&>);
static_assert(CanStandInState<std::string&>);
static_assert(CanStandInState<at::Tensor&>);
static_assert(CanStandInState<Value&>);
static_assert(!CanStandInState<int64_t>, "a temporary is gone when the state is loaded");
static_assert(!CanStandInState<const int64_t&>);
static_assert(!CanStandInState<torch::optim::StepLR&>);
static_assert(!CanStandInState<shop::NoTensors&>);

template <class T>
concept CanSetUpModule = requires(Fabric& fabric, T&& object) {
  fabric.setup_module(std::forward<T>(object));
};
static_assert(CanSetUpModule<shop::HolderNet>);
static_assert(!CanSetUpModule<Module<shop::PlainNet>&>, "it was set up before");

template <class T>
concept CanSetUpOptimizer = requires(Fabric& fabric, T&& object) {
  fabric.setup_optimizer(std::forward<T>(object));
};
static_assert(CanSetUpOptimizer<torch::optim::SGD>);
static_assert(CanSetUpOptimizer<torch::optim::SGD&>);
static_assert(CanSetUpOptimizer<std::shared_ptr<torch::optim::AdamW>>);
static_assert(!CanSetUpOptimizer<Optimizer&>, "it was set up before");
static_assert(!CanSetUpOptimizer<at::Tensor>);

template <class T>
concept CanSetUpLoader = requires(Fabric& fabric, T&& object) {
  fabric.setup_dataloader(std::forward<T>(object));
};
static_assert(CanSetUpLoader<shop::Squares>);
static_assert(CanSetUpLoader<const shop::Squares&>);
static_assert(!CanSetUpLoader<DataLoader<shop::Squares>&>, "it was set up before");
static_assert(!CanSetUpLoader<shop::NoTensors>);
static_assert(CanStandInState<DataLoader<shop::Squares>&>);

template <class T>
concept CanBeReduced = requires(Fabric& fabric, T&& tree) {
  fabric.all_reduce(std::forward<T>(tree));
};
static_assert(CanBeReduced<shop::Batch&>);
static_assert(!CanBeReduced<at::Tensor>, "the result of a temporary would be lost");
static_assert(!CanBeReduced<shop::NoTensors&>);

TEST(CompileTest, CallsPlainModulesWithStructsOfTensors) {
  SingleRank rank;
  auto model = rank.fabric.setup_module(shop::PlainNet());

  const shop::Output output = model(shop::Batch{.images = torch::ones({3, 4}), .labels = {}, .index = 0});

  EXPECT_EQ(output.logits.sizes(), (std::vector<int64_t>{3, 2}));
}

TEST(CompileTest, CallsOtherMethodsAndKeepsTheirDefaultArguments) {
  SingleRank rank;
  auto model = rank.fabric.setup_module(std::make_shared<shop::PlainNet>());
  const auto x = torch::ones({3, 4});
  int64_t calls = 0;

  const auto threefold = model.call(&shop::PlainNet::scaled, x, 3.0);
  const auto twofold = model.call([](shop::PlainNet& net, const at::Tensor& t) { return net.scaled(t); }, x);
  model.call(&shop::PlainNet::count, calls);

  EXPECT_TRUE(torch::allclose(threefold * 2, twofold * 3));
  EXPECT_EQ(calls, 1);
}

TEST(CompileTest, CallsHoldersAndSequential) {
  SingleRank rank;
  auto held = rank.fabric.setup_module(shop::HolderNet());
  torch::nn::Sequential layers{torch::nn::Linear(4, 3), torch::nn::ReLU()};
  auto sequential = rank.fabric.setup_module(layers);

  EXPECT_EQ(held(torch::ones({2, 4})).numel(), 2);
  EXPECT_EQ(sequential(torch::ones({2, 4})).numel(), 6);
}

TEST(CompileTest, GivesBackTuplesOfLstmAndAttention) {
  SingleRank rank;
  auto lstm = rank.fabric.setup_module(torch::nn::LSTM(torch::nn::LSTMOptions(4, 5)));
  auto attention = rank.fabric.setup_module(torch::nn::MultiheadAttention(torch::nn::MultiheadAttentionOptions(4, 2)));
  const auto x = torch::ones({3, 2, 4});

  auto [output, hidden] = lstm(x);
  auto [next_output, next_hidden] = lstm(x, hidden);
  auto [attended, weights] = attention(x, x, x);

  EXPECT_EQ(next_output.sizes(), (std::vector<int64_t>{3, 2, 5}));
  EXPECT_EQ(std::get<0>(next_hidden).sizes(), (std::vector<int64_t>{1, 2, 5}));
  EXPECT_EQ(attended.sizes(), x.sizes());
}

TEST(CompileTest, SteppingLbfgsByAClosureLowersTheLoss) {
  SingleRank rank;
  auto [model, optimizer] =
      rank.fabric.setup(shop::HolderNet(), torch::optim::LBFGS(std::vector<at::Tensor>{torch::zeros(1)}));
  auto search = rank.fabric.setup_optimizer(optim::LBFGS(model.parameters(), 0.5));
  const auto x = torch::ones({8, 4});
  const auto loss = [&model = model, &x] { return (model(x) - 1).square().mean(); };
  const double before = loss().item<double>();

  search.step([&] {
    search.zero_grad();
    auto value = loss();
    rank.fabric.backward(value);
    return value;
  });

  EXPECT_LT(loss().item<double>(), before * 0.01);
}

TEST(CompileTest, LoopsOverLoadersOfSeveralDatasets) {
  SingleRank rank;
  auto [train, test] = rank.fabric.setup_dataloaders({.batch_size = 2}, shop::Squares{6}, shop::Squares{4});
  auto shuffled = rank.fabric.setup_dataloader(shop::Squares(), {.global_batch_size = 3, .shuffle = true});

  float sum = 0;
  int64_t batches = 0;
  for (auto& [x, y] : train) sum += y.sum().item<float>();
  for (const int64_t epoch : shuffled.epochs(2)) {
    for (auto& [x, y] : shuffled) batches += x.size(0) == 3 ? 1 : epoch + 10;
  }

  EXPECT_EQ(sum, 0 + 1 + 4 + 9 + 16 + 25);
  EXPECT_EQ(batches, 4);
  EXPECT_EQ(test.size(), 2);
}

TEST(CompileTest, SchedulersTakeTheHandleOfAnOptimizer) {
  SingleRank rank;
  auto model = rank.fabric.setup_module(shop::HolderNet());
  auto optimizer = rank.fabric.setup_optimizer(optim::SGD(model.parameters(), 0.1));
  torch::optim::StepLR scheduler(optimizer, 1, 0.5);

  scheduler.step();  // LibTorch's StepLR leaves the rate alone the first time
  scheduler.step();

  EXPECT_DOUBLE_EQ(optimizer.lr(), 0.05);
}

}  // namespace
}  // namespace fabric
