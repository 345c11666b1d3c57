// A checkpoint that was cut short or changed anywhere gives an error that names file and place, and changes nothing.
#include <fabric/fabric.h>
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <fstream>
#include <iterator>
#include <random>

#include "runtime/api/single_rank.h"
#include "runtime/checkpoint/torch_checkpoint_io.h"
#include "support/repeats.h"

namespace fabric {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

/// A model with its optimizer, a step behind them, and a text.
class DamagedCheckpointTest : public ::testing::TestWithParam<Verify> {
 protected:
  DamagedCheckpointTest() {
    state_.add("model", model_);
    state_.add("optimizer", optimizer_);
    state_.add("text", text_);
    rank_.fabric.backward(model_(torch::ones({4, 30})).sum());
    optimizer_.step();
    // Without what Fabric saves beside it, which no load into this state touches.
    path_ = rank_.directory.file("checkpoints/good");
    TorchCheckpointIO().save(state_.save(), path_);
    std::ifstream in(path_, std::ios::binary);
    bytes_ = {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    // What stands in memory differs from the file: a load that began would show.
    rank_.fabric.backward(model_(torch::ones({4, 30})).square().sum());
    optimizer_.step();
    text_ = "later";
    before_ = fingerprint();
  }

  std::vector<at::Tensor> fingerprint() const {
    std::vector<at::Tensor> tensors;
    const Value model = model_.state_dict(), optimizer = optimizer_.state_dict();
    for (const auto& [name, value] : model.to_dict()) tensors.push_back(value.to_tensor().clone());
    for (const char* key : {"0", "1"}) {
      for (const auto& [name, value] : optimizer.at("state").at(key).to_dict()) {
        tensors.push_back(value.to_tensor().clone());
      }
    }
    return tensors;
  }

  bool is_untouched() const {
    const std::vector<at::Tensor> now = fingerprint();
    return text_ == "later" && std::equal(now.begin(), now.end(), before_.begin(), before_.end(),
                                          [](const at::Tensor& a, const at::Tensor& b) { return at::equal(a, b); });
  }

  /// Loads `bytes`; returns the error's message.
  std::string error_of(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
    try {
      rank_.fabric.load("good", state_, /*strict=*/true, GetParam());
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  }

  SingleRank rank_;
  Module<torch::nn::LinearImpl> model_ = rank_.fabric.setup_module(torch::nn::Linear(30, 20));
  Optimizer optimizer_ = rank_.fabric.setup_optimizer(optim::AdamW(model_.parameters(), 0.1));
  std::string text_ = "text";
  State state_;
  std::string path_;
  std::string bytes_;
  std::vector<at::Tensor> before_;
};

TEST_P(DamagedCheckpointTest, GivesAnErrorWithFileAndPlaceAndChangesNothing) {
  std::mt19937 random(11);
  const auto place = ContainsRegex("record '|byte |directory|zip archive|zip64|last bytes");

  for (int i = 0; i < testing::repeats(200); ++i) {
    std::string damaged = bytes_;
    const size_t at = random() % damaged.size();
    if (i % 2 == 0) {
      damaged.resize(at);
    } else {
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << (random() % 8)));
    }

    EXPECT_THAT(error_of(damaged), AllOf(HasSubstr(path_), place)) << (i % 2 == 0 ? "cut at " : "changed at ") << at;
    ASSERT_TRUE(is_untouched()) << at;
  }

  EXPECT_EQ(error_of(bytes_), "nothing was thrown");
  EXPECT_EQ(text_, "text");
}

INSTANTIATE_TEST_SUITE_P(BothWays, DamagedCheckpointTest, ::testing::Values(Verify::kFull, Verify::kFirstTouch),
                         [](const auto& kind) { return kind.param == Verify::kFull ? "Full" : "FirstTouch"; });

TEST(FirstTouchTest, VerifiesATensorWhenItIsTaken) {
  SingleRank rank;
  Value good = torch::full({3000}, 1.5), bad = torch::full({3000}, 1234.5);
  const std::string path = rank.fabric.save("x", {{"good", good}, {"bad", bad}});
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const float value = 1234.5;
  file.clear();
  file.seekp(static_cast<std::streamoff>(bytes.find(std::string(reinterpret_cast<const char*>(&value), 4)) + 1));
  file.put('\x55');
  file.close();

  const Value loaded = rank.fabric.load("x", Verify::kFirstTouch);

  EXPECT_EQ(loaded.at("good").to_tensor().sum().item<float>(), 4500);
  EXPECT_TRUE(loaded.at("bad").is_tensor());
  EXPECT_THROW(loaded.at("bad").to_tensor(), SystemError);
  EXPECT_THROW(rank.fabric.load("x"), SystemError);
}

TEST(FirstTouchTest, WhatIsWrittenIntoALoadedTensorIsNotWrittenIntoTheFile) {
  SingleRank rank;
  Value tensor = torch::ones({5000});
  rank.fabric.save("x", {{"tensor", tensor}});

  rank.fabric.load("x").at("tensor").to_tensor().fill_(7);

  EXPECT_EQ(rank.fabric.load("x").at("tensor").to_tensor().sum().item<float>(), 5000);
}

}  // namespace
}  // namespace fabric
