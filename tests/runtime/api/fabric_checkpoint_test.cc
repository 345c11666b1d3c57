#include <fabric/fabric.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>

#include "runtime/api/single_rank.h"

namespace fabric {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::vector<std::string> names_of(const Dict& dict) {
  std::vector<std::string> names;
  for (const auto& [name, value] : dict) names.push_back(name);
  return names;
}

/// A model, its optimizer and a counter, with a step behind them.
struct Training {
  explicit Training(Fabric& fabric)
      : model(fabric.setup_module(torch::nn::Linear(3, 2))),
        optimizer(fabric.setup_optimizer(optim::AdamW(model.parameters(), 0.1))) {
    fabric.backward(model(torch::ones({4, 3})).sum());
    optimizer.step();
  }
  State state() { return {{"model", model}, {"optimizer", optimizer}, {"epoch", epoch}}; }

  Module<torch::nn::LinearImpl> model;
  Optimizer optimizer;
  int64_t epoch = 3;
};

TEST(FabricCheckpointTest, LoadsIntoAnotherTrainingWhatOneSaved) {
  SingleRank rank;
  Training first(rank.fabric), second(rank.fabric);
  State saved = first.state(), loaded = second.state();
  second.epoch = 0;

  const std::string path = rank.fabric.save("epoch-3", saved);
  const Dict rest = rank.fabric.load("epoch-3", loaded);

  EXPECT_EQ(path, rank.directory.file("checkpoints/epoch-3"));
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(second.epoch, 3);
  EXPECT_TRUE(torch::equal(first.model->weight, second.model->weight));
  EXPECT_TRUE(torch::equal(first.optimizer.state_dict().at("state").at("0").at("exp_avg").to_tensor(),
                           second.optimizer.state_dict().at("state").at("0").at("exp_avg").to_tensor()));
}

TEST(FabricCheckpointTest, ReturnsWhatTheStateDoesNotName) {
  SingleRank rank;
  int64_t a = 1, b = 2, c = 3;
  rank.fabric.save("all", {{"c", c}, {"a", a}, {"b", b}});
  State part{{"a", a}};

  EXPECT_THAT(names_of(rank.fabric.load("all", part)), ElementsAre("c", "b"));
  EXPECT_THAT(names_of(rank.fabric.load("all").to_dict()), ElementsAre("c", "a", "b", "fabric"));
}

TEST(FabricCheckpointTest, ChangesNothingIfAnEntryIsMissingUnlessTold) {
  SingleRank rank;
  int64_t a = 1, extra = 5;
  rank.fabric.save("a", {{"a", a}});
  a = 0;
  State state{{"a", a}, {"extra", extra}};

  EXPECT_THAT([&] { rank.fabric.load("a", state); },
              ThrowsMessage<UsageError>(HasSubstr("must have the state's entry 'extra', but has {a, fabric}")));
  EXPECT_EQ(a, 0);

  rank.fabric.load("a", state, /*strict=*/false);
  EXPECT_EQ(a, 1);
  EXPECT_EQ(extra, 5);
}

TEST(FabricCheckpointTest, FiltersEntriesAndLeavesOutEmptyOnes) {
  SingleRank rank;
  Training training(rank.fabric);
  const StateFilter filter{{"model", [](const std::string& name, const Value&) { return name == "bias"; }},
                           {"optimizer", [](const std::string&, const Value&) { return false; }},
                           {"epoch", [](const std::string&, const Value&) { return false; }}};

  rank.fabric.save("some", training.state(), filter);
  const Value checkpoint = rank.fabric.load("some");

  EXPECT_THAT(names_of(checkpoint.to_dict()), ElementsAre("model", "epoch", "fabric"));
  EXPECT_THAT(names_of(checkpoint.at("model").to_dict()), ElementsAre("bias"));
}

TEST(FabricCheckpointTest, RefusesFiltersOfUnknownEntries) {
  SingleRank rank;
  int64_t a = 1;

  EXPECT_THAT(
      [&] {
        rank.fabric.save("x", {{"a", a}}, {{"asd", [](const auto&, const auto&) { return true; }}});
      },
      ThrowsMessage<UsageError>(HasSubstr("'asd' is none of {a}")));
  EXPECT_THROW(rank.fabric.save("x", {{"a", a}}, {{"a", nullptr}}), UsageError);
}

TEST(FabricCheckpointTest, NamesTheEntryThatCannotBeLoaded) {
  SingleRank rank;
  std::string text = "text";
  rank.fabric.save("x", {{"entry", text}});
  int64_t number = 0;
  State state{{"entry", number}};

  EXPECT_THAT([&] { rank.fabric.load("x", state); }, ThrowsMessage<UsageError>(HasSubstr("cannot load 'entry': ")));
  EXPECT_THROW(rank.fabric.load("nowhere"), UsageError);
}

TEST(FabricCheckpointTest, ChangesNothingIfOneEntryDoesNotFit) {
  SingleRank rank;
  Training first(rank.fabric), second(rank.fabric);
  State saved = first.state();
  std::string text = "text";
  saved.add("last", text);
  rank.fabric.save("x", saved);
  State loaded = second.state();
  int64_t number = 0;
  loaded.add("last", number);
  second.epoch = 0;
  const auto weight = second.model->weight.clone();
  const auto moment = second.optimizer.state_dict().at("state").at("0").at("exp_avg").to_tensor().clone();

  EXPECT_THAT(
      [&] { rank.fabric.load("x", loaded); },
      ThrowsMessage<UsageError>(::testing::AllOf(HasSubstr("checkpoints/x' does not fit: "), HasSubstr("'last'"))));

  EXPECT_EQ(second.epoch, 0);
  EXPECT_TRUE(torch::equal(second.model->weight, weight));
  EXPECT_TRUE(torch::equal(second.optimizer.state_dict().at("state").at("0").at("exp_avg").to_tensor(), moment));
}

TEST(FabricCheckpointTest, LoadsOneObjectFromAFileOfItsStateAlone) {
  SingleRank rank;
  Training first(rank.fabric), second(rank.fabric);
  for (const char* name : {"model.pt", "model.safetensors"}) {
    const torch::NoGradGuard no_grad;
    second.model->weight.zero_();
    const Value weights = first.model.state_dict();
    State state;
    std::map<std::string, at::Tensor> tensors;
    for (const auto& [key, value] : weights.to_dict()) tensors.emplace(key, value.to_tensor());
    for (auto& [key, tensor] : tensors) state.add(key, tensor);
    rank.fabric.save(name, state);

    rank.fabric.load_raw(name, second.model);

    EXPECT_TRUE(torch::equal(first.model->weight, second.model->weight)) << name;
    auto other = rank.fabric.setup_module(torch::nn::Linear(torch::nn::LinearOptions(3, 2).bias(false)));
    EXPECT_THAT([&] { rank.fabric.load_raw(name, other); },
                ThrowsMessage<UsageError>(::testing::AllOf(HasSubstr(name), HasSubstr("unknown {'bias'}"))));
    rank.fabric.load_raw(name, other, /*strict=*/false);
    EXPECT_TRUE(torch::equal(other->weight, first.model->weight));
  }
}

/// Lets the process have so much more private memory than it has.
class DataLimit {
 public:
  explicit DataLimit(uint64_t more_bytes) {
    ::getrlimit(RLIMIT_DATA, &before_);
    std::ifstream status("/proc/self/status");
    uint64_t kilobytes = 0;
    for (std::string word; status >> word;) {
      if (word == "VmData:") status >> kilobytes;
    }
    const rlimit limit{kilobytes * 1024 + more_bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_DATA, &limit);
  }
  ~DataLimit() { ::setrlimit(RLIMIT_DATA, &before_); }

 private:
  rlimit before_ = {};
};

TEST(FabricCheckpointTest, LoadingIntoAModelNeedsOneTensorOfMemoryAtMost) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer needs private memory of its own";
#endif
  constexpr int64_t kWidth = 1024, kLayers = 12;
  constexpr uint64_t kTensorBytes = kWidth * kWidth * 4;
  SingleRank rank;
  torch::nn::Sequential layers;
  for (int64_t i = 0; i < kLayers; ++i) layers->push_back(torch::nn::Linear(kWidth, kWidth));
  auto model = rank.fabric.setup_module(layers);
  State state{{"model", model}};
  const std::string path = rank.fabric.save("large", state);
  rank.fabric.load("large", state);  // whatever is allocated once is there now

  // The mapping of the file is private, and counts.
  const DataLimit limit(std::filesystem::file_size(path) + kTensorBytes);

  EXPECT_NO_THROW(rank.fabric.load("large", state));
}

}  // namespace
}  // namespace fabric
