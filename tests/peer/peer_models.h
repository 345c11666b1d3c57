#pragma once

#include <torch/nn.h>
#include <torch/types.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fabric::testing {

// The models and optimizers of tests/peer/peer_models.py, name by name: change both.

/// A model with its own inputs.
struct PeerNet : torch::nn::Module {
  virtual at::Tensor forward(const at::Tensor& x) = 0;
  virtual at::Tensor input(int step) const = 0;
};

/// Numbers between -1 and 1 that both languages compute alike.
inline at::Tensor wave(at::IntArrayRef sizes, int step, at::ScalarType dtype = at::kFloat) {
  const int64_t count = c10::multiply_integers(sizes);
  return (torch::arange(count, at::kDouble) * 0.37 + step).sin().view(sizes).to(dtype);
}

struct MlpNet : PeerNet {
  explicit MlpNet(at::ScalarType type = at::kFloat) : dtype(type) { to(type); }
  at::Tensor forward(const at::Tensor& x) override { return layers->forward(x); }
  at::Tensor input(int step) const override { return wave({8, 4}, step, dtype); }
  at::ScalarType dtype;
  torch::nn::Sequential layers = register_module(
      "layers", torch::nn::Sequential{torch::nn::Linear(4, 8), torch::nn::ReLU(), torch::nn::Linear(8, 3)});
};

struct Bf16Net : MlpNet {
  Bf16Net() : MlpNet(at::kBFloat16) {}
};

struct DoubleNet : MlpNet {
  DoubleNet() : MlpNet(at::kDouble) {}
};

struct CnnNet : PeerNet {
  at::Tensor forward(const at::Tensor& x) override { return fc(bn(conv(x)).relu().flatten(1)); }
  at::Tensor input(int step) const override { return wave({8, 1, 6, 6}, step); }
  torch::nn::Conv2d conv = register_module("conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 4, 3).bias(false)));
  torch::nn::BatchNorm2d bn = register_module("bn", torch::nn::BatchNorm2d(4));
  torch::nn::Linear fc = register_module("fc", torch::nn::Linear(64, 3));
};

struct LstmNet : PeerNet {
  at::Tensor forward(const at::Tensor& x) override { return head(std::get<0>(rnn(x))); }
  at::Tensor input(int step) const override { return wave({6, 4, 3}, step); }
  torch::nn::LSTM rnn = register_module("rnn", torch::nn::LSTM(torch::nn::LSTMOptions(3, 5).num_layers(2)));
  torch::nn::Linear head = register_module("head", torch::nn::Linear(5, 2));
};

struct GruNet : PeerNet {
  at::Tensor forward(const at::Tensor& x) override { return head(std::get<0>(rnn(x))); }
  at::Tensor input(int step) const override { return wave({6, 4, 3}, step); }
  torch::nn::GRU rnn = register_module("rnn", torch::nn::GRU(torch::nn::GRUOptions(3, 5).bidirectional(true)));
  torch::nn::Linear head = register_module("head", torch::nn::Linear(10, 2));
};

struct TransformerNet : PeerNet {
  at::Tensor forward(const at::Tensor& x) override { return head(layer(x)); }
  at::Tensor input(int step) const override { return wave({5, 3, 8}, step); }
  torch::nn::TransformerEncoderLayer layer =
      register_module("layer", torch::nn::TransformerEncoderLayer(
                                   torch::nn::TransformerEncoderLayerOptions(8, 2).dim_feedforward(16).dropout(0.0)));
  torch::nn::Linear head = register_module("head", torch::nn::Linear(8, 2));
};

struct TiedNet : PeerNet {
  at::Tensor forward(const at::Tensor& x) override { return torch::nn::functional::linear(embedding(x), decoder); }
  at::Tensor input(int step) const override { return (torch::arange(12) * 5 + step).remainder(7).view({3, 4}); }
  torch::nn::Embedding embedding = register_module("embedding", torch::nn::Embedding(7, 4));
  at::Tensor decoder = register_parameter("decoder", embedding->weight);
};

struct BuffersNet : PeerNet {
  at::Tensor forward(const at::Tensor& x) override {
    const at::NoGradGuard no_grad;
    mean.mul_(0.5).add_(x.mean(0));
    count.add_(1);
    const at::AutoGradMode grad(true);
    return layer(x) + mean.sum();
  }
  at::Tensor input(int step) const override { return wave({8, 4}, step); }
  at::Tensor mean = register_buffer("mean", torch::zeros(4));
  at::Tensor count = register_buffer("count", torch::zeros({}, at::kLong));
  torch::nn::Linear layer = register_module("layer", torch::nn::Linear(4, 2));
};

struct EmptyNet : PeerNet {
  at::Tensor forward(const at::Tensor& x) override { return x; }
  at::Tensor input(int step) const override { return wave({2}, step); }
};

struct OneElementNet : PeerNet {
  at::Tensor forward(const at::Tensor& x) override { return layer(x); }
  at::Tensor input(int step) const override { return wave({8, 1}, step); }
  torch::nn::Linear layer = register_module("layer", torch::nn::Linear(torch::nn::LinearOptions(1, 1).bias(false)));
};

struct ScalarsNet : PeerNet {
  at::Tensor forward(const at::Tensor& x) override { return x * scale + offset; }
  at::Tensor input(int step) const override { return wave({8}, step); }
  at::Tensor scale = register_parameter("scale", torch::tensor(1.5f));
  at::Tensor offset = register_parameter("offset", torch::tensor(0.25f));
};

template <class Net>
std::shared_ptr<PeerNet> make_net() {
  return std::make_shared<Net>();
}

inline std::vector<std::pair<std::string, std::function<std::shared_ptr<PeerNet>()>>> peer_models() {
  return {{"mlp", make_net<MlpNet>},
          {"cnn", make_net<CnnNet>},
          {"lstm", make_net<LstmNet>},
          {"gru", make_net<GruNet>},
          {"transformer", make_net<TransformerNet>},
          {"tied", make_net<TiedNet>},
          {"bf16", make_net<Bf16Net>},
          {"double", make_net<DoubleNet>},
          {"buffers", make_net<BuffersNet>},
          {"empty", make_net<EmptyNet>},
          {"one_element", make_net<OneElementNet>},
          {"scalars", make_net<ScalarsNet>}};
}

}  // namespace fabric::testing
