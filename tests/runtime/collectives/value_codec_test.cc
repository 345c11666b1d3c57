#include <gtest/gtest.h>
#include <torch/torch.h>

#include "fabric/error.h"
#include "runtime/collectives/value_codec.h"

namespace fabric {
namespace {

Value round_trip(const Value& value) { return decode_value(encode_value(value), at::kCPU); }

Value sample_tree() {
  return Dict{{"none", {}},
              {"flag", true},
              {"count", int64_t{-7}},
              {"rate", 0.1},
              {"name", "digits"},
              {"weights", torch::arange(6).view({2, 3})},
              {"list", List{1, "two", List{}, Dict{}}}};
}

TEST(ValueCodecTest, KeepsEveryKindAndTheOrder) {
  const Value copy = round_trip(sample_tree());

  ASSERT_EQ(copy.to_dict().size(), 7u);
  EXPECT_EQ(copy.to_dict()[1].first, "flag");
  EXPECT_TRUE(copy.at("none").is_none());
  EXPECT_TRUE(copy.at("flag").to_bool());
  EXPECT_EQ(copy.at("count").to_int(), -7);
  EXPECT_EQ(copy.at("rate").to_double(), 0.1);
  EXPECT_EQ(copy.at("name").to_string(), "digits");
  EXPECT_TRUE(torch::equal(copy.at("weights").to_tensor(), torch::arange(6).view({2, 3})));
  EXPECT_EQ(copy.at("list").to_list().size(), 4u);
}

TEST(ValueCodecTest, KeepsDtypeAndShapeOfOddTensors) {
  for (const at::Tensor& tensor : {torch::tensor(true), torch::zeros({0, 3}), torch::ones({2}, torch::kBFloat16),
                                   torch::ones({2, 2}, torch::kComplexFloat), torch::rand({3, 4}).t()}) {
    const at::Tensor copy = round_trip(tensor).to_tensor();

    EXPECT_EQ(copy.scalar_type(), tensor.scalar_type());
    EXPECT_TRUE(torch::equal(copy, tensor));
  }
}

TEST(ValueCodecTest, RefusesEveryTruncation) {
  const std::string bytes = encode_value(sample_tree());

  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THROW(decode_value(std::string_view(bytes).substr(0, length), at::kCPU), InternalError) << length;
  }
}

TEST(ValueCodecTest, SurvivesEveryFlippedByte) {
  const std::string bytes = encode_value(sample_tree());

  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0xff);
    try {
      decode_value(damaged, at::kCPU);
    } catch (const Error&) {  // refused, or another value: what counts is that it ends
    } catch (const c10::Error&) {
    }
  }
}

TEST(ValueCodecTest, RefusesWhatCannotTravel) {
  Value deep;
  for (int i = 0; i < 200; ++i) deep = List{deep};

  EXPECT_THROW(encode_value(deep), UsageError);
  EXPECT_THROW(encode_value(torch::eye(3).to_sparse()), UsageError);
}

}  // namespace
}  // namespace fabric
