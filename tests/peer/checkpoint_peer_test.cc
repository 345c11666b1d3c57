// Checkpoints cross between this library and Python in both directions, for models and optimizers of every kind, and training
// goes on as if nothing had been.
#include <ATen/Parallel.h>
#include <fabric/fabric.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>

#include "peer/peer_models.h"
#include "peer/peer_process.h"
#include "runtime/api/single_rank.h"

namespace fabric {
namespace {

using testing::PeerNet;
using Parameters = std::vector<at::Tensor>;
using MakeOptimizer = std::function<std::shared_ptr<torch::optim::Optimizer>(const Parameters&)>;

constexpr int kFirstSteps = 3;
constexpr int kMoreSteps = 3;

template <class O, class Options>
MakeOptimizer maker(const Options& options) {
  return [options](const Parameters& parameters) { return std::make_shared<O>(parameters, options); };
}

/// As OPTIMIZERS in peer_models.py.
std::map<std::string, MakeOptimizer> optimizers() {
  using namespace torch::optim;
  return {
      {"sgd_fused", maker<optim::SGD>(SGDOptions(0.1).momentum(0.9).weight_decay(0.01))},
      {"sgd", maker<SGD>(SGDOptions(0.1).momentum(0.9).nesterov(true))},
      {"adam_fused", maker<optim::Adam>(AdamOptions(0.01).amsgrad(true))},
      {"adam", maker<Adam>(AdamOptions(0.01).weight_decay(0.01))},
      {"adamw_fused", maker<optim::AdamW>(AdamWOptions(0.01).betas({0.8, 0.99}))},
      {"adamw", maker<AdamW>(AdamWOptions(0.01))},
      {"rmsprop", maker<RMSprop>(RMSpropOptions(0.01).momentum(0.5).centered(true))},
      {"adagrad", maker<Adagrad>(AdagradOptions(0.1).lr_decay(0.01))},
      {"lbfgs", maker<LBFGS>(LBFGSOptions(0.1).max_iter(2).history_size(5))},
  };
}

bool is_bit_equal(const std::string& model, const std::string& optimizer) {
  // LibTorch's own SGD rounds bfloat16 at other places than Python's.
  return optimizer.find("_fused") != std::string::npos || (optimizer == "sgd" && model != "bf16");
}

/// A model, its optimizer if it has parameters, and how many steps they made.
class Training {
 public:
  Training(Fabric& fabric, const std::shared_ptr<PeerNet>& net, const MakeOptimizer& make)
      : fabric_(fabric), model_(fabric.setup_module(net)) {
    state_.add("model", model_);
    state_.add("step", step_);
    if (model_.parameters().empty()) return;
    optimizer_.emplace(fabric.setup_optimizer(make(model_.parameters())));
    state_.add("optimizer", *optimizer_);
  }

  void train(int steps) {
    for (const int64_t end = step_ + steps; step_ < end; ++step_) {
      if (!optimizer_) continue;
      optimizer_->step([this] {
        optimizer_->zero_grad();
        const at::Tensor loss = model_(model_->input(static_cast<int>(step_))).to(at::kFloat).square().mean();
        fabric_.backward(loss);
        return loss;
      });
    }
  }

  State& state() { return state_; }
  Value weights() const { return model_.state_dict(); }

 private:
  Fabric& fabric_;
  Module<PeerNet> model_;
  int64_t step_ = 0;
  std::optional<Optimizer> optimizer_;
  State state_;
};

void leave_checkpoints(SingleRank& rank, const std::string& directory) {
  for (const auto& [model, make_net] : testing::peer_models()) {
    for (const auto& [optimizer, make_optimizer] : optimizers()) {
      torch::manual_seed(5);
      Training training(rank.fabric, make_net(), make_optimizer);
      training.train(kFirstSteps);
      rank.fabric.save(directory + "/cc/" + model + "-" + optimizer + ".ckpt", training.state());
      training.train(kMoreSteps);
      Value weights = training.weights();
      rank.fabric.save(directory + "/cc/" + model + "-" + optimizer + ".end.ckpt", {{"model", weights}});
    }
  }
}

void compare(const Value& own, const Value& other, bool bit_equal, const std::string& what) {
  ASSERT_EQ(own.to_dict().size(), other.to_dict().size()) << what;
  for (size_t i = 0; i < own.to_dict().size(); ++i) {
    const auto& [name, mine] = own.to_dict()[i];
    EXPECT_EQ(name, other.to_dict()[i].first) << what;
    // The gradient of the keys' part is 0 but for rounding, which Adam magnifies.
    if (!bit_equal && name == "layer.self_attn.in_proj_bias") continue;
    const at::Tensor& here = mine.to_tensor();
    const at::Tensor& there = other.to_dict()[i].second.to_tensor();
    // Twice what bfloat16 can tell apart.
    const double tolerance = here.scalar_type() == at::kBFloat16 ? 1.0 / 128 : 1e-6;
    const bool equal = bit_equal ? at::equal(here, there)
                                 : at::allclose(here.to(at::kDouble), there.to(at::kDouble), tolerance, tolerance);
    EXPECT_TRUE(equal) << what << ": " << name << "\n" << here << "\n" << there;
  }
}

/// Tensors of every dtype that safetensors and Python's checkpoints have, a strided one among them.
void leave_safetensors(SingleRank& rank, const std::string& directory) {
  std::map<std::string, at::Tensor> tensors{{"strided", torch::arange(6.0).view({2, 3}).t()},
                                            {"empty", torch::empty({0, 2})}};
  for (const at::ScalarType dtype :
       {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kShort, at::kChar, at::kByte,
        at::kBool, at::kFloat8_e4m3fn, at::kFloat8_e5m2, at::kUInt16, at::kUInt32, at::kUInt64}) {
    tensors.emplace(c10::toString(dtype), torch::arange(6).to(dtype));
  }
  for (const char* name : {"/cc/tensors.safetensors", "/cc/tensors.ckpt"})
    rank.fabric.save(directory + name, {{"tensors", tensors}});
}

void check_safetensors(SingleRank& rank, const std::string& directory) {
  const Value expected = rank.fabric.load(directory + "/python/tensors.ckpt");
  for (const char* name : {"/python/tensors.safetensors", "/python/parts/model.safetensors.index.json"}) {
    const Value read = rank.fabric.load(directory + name);
    EXPECT_EQ(read.to_dict().size(), expected.to_dict().size()) << name;
    for (const auto& [key, value] : expected.to_dict()) {
      const at::Tensor& tensor = read.at(key).to_tensor();
      EXPECT_EQ(tensor.scalar_type(), value.to_tensor().scalar_type()) << name << key;
      EXPECT_TRUE(at::equal(tensor.to(at::kDouble), value.to_tensor().to(at::kDouble))) << name << key;
    }
  }
}

TEST(CheckpointPeerTest, FilesCrossBothWaysAndTrainingGoesOn) {
  at::set_num_threads(1);
  SingleRank rank;
  const std::string directory = rank.directory.path().string();
  leave_checkpoints(rank, directory);
  leave_safetensors(rank, directory);

  const testing::PeerResult peer = testing::run_peer("checkpoint_peer.py", directory);
  ASSERT_EQ(peer.status, 0) << peer.output;

  for (const auto& [model, make_net] : testing::peer_models()) {
    for (const auto& [optimizer, make_optimizer] : optimizers()) {
      const std::string path = directory + "/python/" + model + "-" + optimizer;
      torch::manual_seed(6);
      Training training(rank.fabric, make_net(), make_optimizer);
      EXPECT_TRUE(rank.fabric.load(path + ".ckpt", training.state()).empty());
      training.train(kMoreSteps);
      const Value expected = rank.fabric.load(path + ".end.ckpt").at("model");
      compare(training.weights(), expected, is_bit_equal(model, optimizer), path);
    }
  }
  check_safetensors(rank, directory);
}

}  // namespace
}  // namespace fabric
