#include "runtime/checkpoint/safetensors_checkpoint_io.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>

#include "fabric/error.h"
#include "support/temporary_directory.h"

namespace fabric {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SafetensorsCheckpointIOTest : public ::testing::Test {
 protected:
  std::string error_of(const std::string& path, Verify verify = Verify::kFull) {
    try {
      io_.load(path, verify);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  }

  std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  void write(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  /// A file of others: a header, and so many bytes of zeros.
  std::string foreign(const std::string& header, size_t data_bytes) {
    const uint64_t size = header.size();
    write(path_, std::string(reinterpret_cast<const char*>(&size), 8) + header + std::string(data_bytes, '\0'));
    return path_;
  }

  testing::TemporaryDirectory directory_;
  std::string path_ = directory_.file("model.safetensors");
  SafetensorsCheckpointIO io_;
};

TEST_F(SafetensorsCheckpointIOTest, NamesTensorsByTheirKeys) {
  io_.save(Dict{{"model", Dict{{"0.weight", at::ones({2})}}}, {"list", List{1, at::ones({1})}}}, path_);

  EXPECT_THAT(read(path_),
              AllOf(HasSubstr("\"model.0.weight\":{\"dtype\":\"F32\",\"shape\":[2]"), HasSubstr("\"list.1\":")));
}

TEST_F(SafetensorsCheckpointIOTest, GivesBackWhatJsonHasNoFormFor) {
  const double inf = std::numeric_limits<double>::infinity();
  io_.save(Dict{{"$tensor", 1}, {"$$", List{inf, -inf, std::nan(""), 1.0, -0.0}}}, path_);

  const Value loaded = io_.load(path_);

  EXPECT_EQ(loaded.at("$tensor").to_int(), 1);
  const List& list = loaded.at("$$").to_list();
  EXPECT_EQ(list[0].to_double(), inf);
  EXPECT_EQ(list[1].to_double(), -inf);
  EXPECT_TRUE(std::isnan(list[2].to_double()));
  EXPECT_TRUE(list[3].is_double());
  EXPECT_TRUE(std::signbit(list[4].to_double()));
}

TEST_F(SafetensorsCheckpointIOTest, RefusesWhatTheFormatCannotHold) {
  EXPECT_THROW(io_.save(Dict{{"a.b", at::ones(1)}, {"a", Dict{{"b", at::ones(1)}}}}, path_), UsageError);
  EXPECT_THROW(io_.save(Dict{{"text", "\xff\xfe"}}, path_), UsageError);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SafetensorsCheckpointIOTest, ReadsFilesOfOthersAsTheirTensors) {
  foreign(R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]},)"
          R"("a":{"dtype":"I64","shape":[],"data_offsets":[4,12]}})",
          12);

  const Value loaded = io_.load(path_);

  EXPECT_EQ(loaded.to_dict().size(), 2);
  EXPECT_EQ(loaded.at("b").to_tensor().sizes(), at::IntArrayRef({2, 1}));
  EXPECT_EQ(loaded.at("b").to_tensor().scalar_type(), at::kBFloat16);
  EXPECT_EQ(loaded.at("a").to_tensor().item<int64_t>(), 0);
}

TEST_F(SafetensorsCheckpointIOTest, RefusesHeadersThatDoNotFitTheirFile) {
  const auto error = [&](const std::string& tensor, size_t bytes) {
    return error_of(foreign("{\"a\":" + tensor + "}", bytes));
  };

  EXPECT_THAT(error(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 4), HasSubstr("ends beyond the file"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 9), HasSubstr("belong to no tensor"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]})", 12), HasSubstr("must begin at byte"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})", 8), HasSubstr("12 bytes apart"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]})", 0),
              HasSubstr("out of bounds"));
  EXPECT_THAT(error(R"({"dtype":"F32","shape":"x","data_offsets":[0,8]})", 8), HasSubstr("another way"));
  EXPECT_THAT(error(R"({"dtype":"Q4","shape":[2],"data_offsets":[0,8]})", 8), HasSubstr("'Q4'"));
}

TEST_F(SafetensorsCheckpointIOTest, ReadsFilesInSeveralPartsByTheirIndex) {
  io_.save(Dict{{"a", at::ones({2})}}, directory_.file("part-1.safetensors"));
  io_.save(Dict{{"b", at::full({3}, 2)}}, directory_.file("part-2.safetensors"));
  const std::string index = directory_.file("model.safetensors.index.json");
  write(index, R"({"weight_map": {"b": "part-2.safetensors", "a": "part-1.safetensors"}})");

  for (const std::string& path : {index, directory_.path().string()}) {
    const Value loaded = io_.load(path);
    EXPECT_EQ(loaded.to_dict()[0].first, "b");
    EXPECT_EQ(loaded.at("a").to_tensor().numel(), 2);
  }
  write(index, R"({"weight_map": {"c": "part-2.safetensors"}})");
  EXPECT_THAT(error_of(index), AllOf(HasSubstr("part-2.safetensors"), HasSubstr("'c' is missing")));
  write(index, R"({"weight_map": {"c": "../part-2.safetensors"}})");
  EXPECT_THAT(error_of(index), HasSubstr("a file beside it"));
}

TEST_F(SafetensorsCheckpointIOTest, NamesFileAndTensorOfWhateverWasDamaged) {
  io_.save(Dict{{"weight", at::arange(600.0F)}, {"step", 3}}, path_);
  const std::string good = read(path_);
  std::mt19937 random(5);

  for (int i = 0; i < 100; ++i) {
    std::string bad = good;
    bad[good.size() - 1 - random() % 2400] ^= static_cast<char>(1 << (random() % 8));
    write(path_, bad);
    EXPECT_THAT(error_of(path_), AllOf(HasSubstr(path_), HasSubstr("tensor 'weight' do not match"))) << i;
    write(path_, good.substr(0, random() % good.size()));
    EXPECT_THAT(error_of(path_), HasSubstr(path_)) << i;
  }
  EXPECT_EQ(error_of(path_, Verify::kFirstTouch).find("nothing"), std::string::npos);
}

}  // namespace
}  // namespace fabric
