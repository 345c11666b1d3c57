// Learns to read handwritten digits: 1,797 images of 8 x 8 pixels, a network of two layers, a few seconds.
//
//   build/bin/fabric-run configs/digits.yaml                         two ranks
//   build/examples/digits --data=examples/data/digits.csv.gz         one, without the launcher

#include <fabric/fabric.h>
#include <torch/torch.h>

#include "../gzip_file.h"

namespace {

/// Rows of 64 pixels from 0 to 16 and the digit. Every fifth is for testing.
class Digits {
 public:
  enum class Part { kTrain, kTest };

  Digits(const std::string& path, Part part, size_t max_samples) {
    for (const std::string& line : examples::read_lines(path)) {
      const bool is_test = lines_++ % 5 == 0;
      if (is_test == (part == Part::kTest) && images_.size() < max_samples) add(line);
    }
  }
  size_t size() const { return images_.size(); }
  std::pair<torch::Tensor, int64_t> get(size_t index) const { return {images_[index], labels_[index]}; }

 private:
  void add(const std::string& line) {
    std::istringstream row(line);
    std::vector<float> numbers;
    for (std::string cell; std::getline(row, cell, ',');) numbers.push_back(std::stof(cell));
    images_.push_back(torch::tensor(std::vector<float>(numbers.begin(), numbers.begin() + 64)) / 16);
    labels_.push_back(static_cast<int64_t>(numbers.at(64)));
  }

  size_t lines_ = 0;
  std::vector<torch::Tensor> images_;
  std::vector<int64_t> labels_;
};

struct NetImpl : torch::nn::Module {
  explicit NetImpl(int64_t hidden)
      : first(register_module("first", torch::nn::Linear(64, hidden))),
        second(register_module("second", torch::nn::Linear(hidden, 10))) {}
  torch::Tensor forward(const torch::Tensor& images) { return second(torch::relu(first(images))); }

  torch::nn::Linear first, second;
};
TORCH_MODULE(Net);

std::shared_ptr<torch::optim::Optimizer> make_optimizer(const std::vector<torch::Tensor>& parameters,
                                                        const fabric::Arguments& args) {
  const std::string name = args.get("optimizer", "adamw");
  const double lr = args.get("lr", name == "sgd" ? 0.1 : 2e-3);
  if (name == "sgd") return std::make_shared<fabric::optim::SGD>(parameters, fabric::optim::SGDOptions(lr));
  if (name == "adamw") return std::make_shared<fabric::optim::AdamW>(parameters, fabric::optim::AdamWOptions(lr));
  throw fabric::UsageError("args.optimizer must be one of {adamw, sgd}, but is '" + name + "'");
}

/// Returns the share of digits that `model` reads rightly. Each rank looks at its part, each digit once.
template <class Model, class Loader>
double accuracy(fabric::Fabric& fabric, Model& model, const Loader& loader) {
  const torch::NoGradGuard no_grad;
  torch::Tensor right = torch::zeros({}, fabric.device());
  for (auto& [images, labels] : loader) right += (model(images).argmax(1) == labels).sum();
  fabric.all_reduce(right, "sum");
  return right.template item<double>() / static_cast<double>(loader.dataset().size());
}

int train(fabric::Fabric& fabric, const fabric::Arguments& args) {
  fabric.seed_everything(args.get<uint64_t>("seed", 42));
  auto model = fabric.setup_module(Net(args.get<int64_t>("hidden", 128)));
  auto optimizer = fabric.setup_optimizer(make_optimizer(model.parameters(), args));
  const std::string data = args.path("data");
  auto loader = fabric.setup_dataloader(Digits(data, Digits::Part::kTrain, args.get<size_t>("max_samples", 1797)),
                                        {.global_batch_size = args.get<int64_t>("global_batch", 64), .shuffle = true});
  const auto test_loader = fabric.setup_dataloader(Digits(data, Digits::Part::kTest, 1797),
                                                   {.batch_size = 256, .remainder = fabric::Remainder::kExact});

  fabric::State state{{"model", model}, {"optimizer", optimizer}, {"loader", loader}};
  fabric.resume(state);
  for (const int64_t epoch : loader.epochs(args.get<int64_t>("epochs", 20))) {
    torch::Tensor loss;
    for (auto& [images, labels] : loader) {
      loss = torch::nn::functional::cross_entropy(model(images), labels);
      fabric.backward(loss);
      optimizer.step();
      optimizer.zero_grad();
      fabric.log("loss", loss);  // read later: waits for nothing
      fabric.end_step(state);
    }
    if (epoch % 5 == 0) fabric.print("epoch ", epoch, ": loss ", loss.item<float>());
  }
  fabric.save("last.ckpt", state);

  const double result = accuracy(fabric, model, test_loader);
  if (fabric.is_global_zero()) fabric.print("test accuracy: ", std::fixed, std::setprecision(3), result);
  return 0;
}

}  // namespace

FABRIC_PROGRAM(train)
