// A small GPT that learns to write, character by character, like the text it reads.
//
//   build/bin/fabric-run configs/chargpt.yaml                                two ranks, a minute or two
//   build/examples/chargpt --data=examples/data/kjv.txt.gz --steps=50        one, without the launcher

#include <fabric/fabric.h>
#include <torch/torch.h>

#include "../gzip_file.h"

namespace {

namespace nn = torch::nn;
namespace F = torch::nn::functional;
using torch::Tensor;

/// The characters of a text, numbered in the order of their codes.
class Alphabet {
 public:
  explicit Alphabet(const std::string& text) {
    const std::set<char> letters(text.begin(), text.end());
    letters_.assign(letters.begin(), letters.end());
  }
  int64_t size() const { return static_cast<int64_t>(letters_.size()); }
  char letter(int64_t number) const { return letters_.at(static_cast<size_t>(number)); }
  /// Returns the numbers of the text's characters, int64 [length].
  Tensor encode(const std::string& text) const {
    std::vector<int64_t> numbers;
    for (const char letter : text) numbers.push_back(static_cast<int64_t>(letters_.find(letter)));
    return torch::tensor(numbers);
  }

 private:
  std::string letters_;
};

/// Windows of `block_size` characters, and the same ones moved by one: what is to be foretold. A window lies anywhere in
/// its stretch of the text, elsewhere in each epoch.
class Windows {
 public:
  Windows(Tensor text, int64_t block_size) : text_(std::move(text)), block_size_(block_size) {}
  size_t size() const { return static_cast<size_t>((text_.size(0) - 1) / block_size_ - 1); }
  std::pair<Tensor, Tensor> get(size_t index, fabric::SampleContext& context) const {
    const auto shift = torch::randint(block_size_, {}, context.generator, torch::kLong).item<int64_t>();
    const int64_t begin = static_cast<int64_t>(index) * block_size_ + shift;
    return {text_.slice(0, begin, begin + block_size_), text_.slice(0, begin + 1, begin + block_size_ + 1)};
  }

 private:
  Tensor text_;
  int64_t block_size_;
};

struct Shape {
  int64_t letters, block_size, layers, heads, width;
};

struct BlockImpl : nn::Module {
  explicit BlockImpl(const Shape& shape)
      : heads(shape.heads),
        norm1(register_module("norm1", nn::LayerNorm(nn::LayerNormOptions({shape.width})))),
        attend(register_module("attend", nn::Linear(shape.width, 3 * shape.width))),
        join(register_module("join", nn::Linear(shape.width, shape.width))),
        norm2(register_module("norm2", nn::LayerNorm(nn::LayerNormOptions({shape.width})))),
        widen(register_module("widen", nn::Linear(shape.width, 4 * shape.width))),
        narrow(register_module("narrow", nn::Linear(4 * shape.width, shape.width))) {}

  /// `x` is [batch, time, width], and so is the result.
  Tensor forward(Tensor x) {
    x = x + attention(norm1(x));
    return x + narrow(F::gelu(widen(norm2(x))));
  }

  int64_t heads;
  nn::LayerNorm norm1;
  nn::Linear attend, join;
  nn::LayerNorm norm2;
  nn::Linear widen, narrow;

 private:
  Tensor attention(const Tensor& x) {
    const auto split = attend(x).view({x.size(0), x.size(1), 3, heads, x.size(2) / heads}).permute({2, 0, 3, 1, 4});
    const Tensor seen = at::scaled_dot_product_attention(split[0], split[1], split[2], {}, 0.0, /*is_causal=*/true);
    return join(seen.transpose(1, 2).reshape(x.sizes()));
  }
};
TORCH_MODULE(Block);

struct GptImpl : nn::Module {
  explicit GptImpl(const Shape& shape)
      : letters(register_module("letters", nn::Embedding(shape.letters, shape.width))),
        places(register_module("places", nn::Embedding(shape.block_size, shape.width))),
        blocks(register_module("blocks", nn::Sequential())),
        norm(register_module("norm", nn::LayerNorm(nn::LayerNormOptions({shape.width})))) {
    for (int64_t i = 0; i < shape.layers; ++i) blocks->push_back(Block(shape));
    const torch::NoGradGuard no_grad;
    for (const auto& parameter : named_parameters()) {
      if (parameter->dim() == 2) parameter->normal_(0.0, 0.02);  // as GPT-2
    }
  }

  /// `numbers` is int64 [batch, time]; the result is [batch, time, letters], a score for each letter that may follow.
  Tensor forward(const Tensor& numbers) {
    const Tensor x = letters(numbers) + places(torch::arange(numbers.size(1), numbers.device()));
    return F::linear(norm(blocks->forward(x)), letters->weight);
  }

  nn::Embedding letters, places;
  nn::Sequential blocks;
  nn::LayerNorm norm;
};
TORCH_MODULE(Gpt);

Tensor loss_of(const Tensor& scores, const Tensor& targets) {
  return F::cross_entropy(scores.flatten(0, 1), targets.flatten());
}

/// Returns the mean loss over all of `loader`, the same on every rank.
template <class Model, class Loader>
double mean_loss(fabric::Fabric& fabric, Model& model, const Loader& loader) {
  const torch::NoGradGuard no_grad;
  Tensor sum = torch::zeros({2}, fabric.device());  // of losses, and how many
  for (auto& [input, target] : loader) {
    sum[0] += loss_of(model(input), target) * input.size(0);
    sum[1] += input.size(0);
  }
  fabric.all_reduce(sum, "sum");
  return (sum[0] / sum[1]).template item<double>();
}

/// Returns `length` characters, each drawn from what `model` foretells.
template <class Model>
std::string write_text(Model& model, const Alphabet& alphabet, int64_t block_size, int64_t length, c10::Device device) {
  const torch::NoGradGuard no_grad;
  Tensor numbers = torch::zeros({1, 1}, torch::dtype(torch::kLong).device(device));
  std::string text;
  for (int64_t i = 0; i < length; ++i) {
    const Tensor scores = model(numbers.slice(1, std::max<int64_t>(0, numbers.size(1) - block_size)));
    const Tensor next = torch::multinomial(torch::softmax(scores.select(1, -1), -1), 1);
    numbers = torch::cat({numbers, next}, 1);
    text += alphabet.letter(next.item<int64_t>());
  }
  return text;
}

int train(fabric::Fabric& fabric, const fabric::Arguments& args) {
  fabric.seed_everything(args.get<uint64_t>("seed", 42));
  const std::string text = examples::read_text(args.path("data"));
  const Alphabet alphabet(text);
  const Shape shape{alphabet.size(), args.get<int64_t>("block_size", 64), args.get<int64_t>("layers", 4),
                    args.get<int64_t>("heads", 4), args.get<int64_t>("width", 128)};
  const Tensor numbers = alphabet.encode(text);
  const int64_t split = numbers.size(0) * 19 / 20;

  auto model = fabric.setup_module(Gpt(shape));
  auto optimizer = fabric.setup_optimizer(fabric::optim::AdamW(
      model.parameters(), fabric::optim::AdamWOptions(args.get("lr", 1e-3)).weight_decay(0.1).betas({0.9, 0.95})));
  const int64_t batch = args.get<int64_t>("global_batch", 32);
  auto loader =
      fabric.setup_dataloader(Windows(numbers.slice(0, 0, split), shape.block_size),
                              {.global_batch_size = batch, .shuffle = true, .remainder = fabric::Remainder::kDrop});
  const auto held_out = fabric.setup_dataloader(Windows(numbers.slice(0, split), shape.block_size),
                                                {.batch_size = 64, .remainder = fabric::Remainder::kExact});
  fabric::State state{{"model", model}, {"optimizer", optimizer}, {"loader", loader}};

  fabric.resume(state);

  const int64_t steps = args.get<int64_t>("steps", 500);
  const int64_t report_every = std::max<int64_t>(1, steps / 5);
  while (fabric.step() < steps) {
    for (auto& [input, target] : loader) {
      const Tensor loss = loss_of(model(input), target);
      fabric.backward(loss);
      optimizer.step();
      optimizer.zero_grad();
      fabric.log("loss", loss);
      if ((fabric.step() + 1) % report_every == 0) {
        const double validation = mean_loss(fabric, model, held_out);
        fabric.log("validation_loss", validation);
        fabric.print("step ", fabric.step() + 1, ": loss ", loss.item<float>(), ", on unseen text ", validation);
      }
      fabric.end_step(state);  // last: whoever stops here has all of the step behind it
      if (fabric.step() == steps) break;
    }
  }
  fabric.save("last.ckpt", state);
  fabric.print(write_text(model, alphabet, shape.block_size, args.get<int64_t>("write", 300), fabric.device()));
  return 0;
}

}  // namespace

FABRIC_PROGRAM(train)
