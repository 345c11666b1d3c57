#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>

#include "fabric/checkpoint_io.h"
#include "fabric/error.h"
#include "support/temporary_directory.h"

namespace fabric::testing {

struct CheckpointIOCase {
  std::string name;
  std::function<std::unique_ptr<CheckpointIO>()> create;
};

inline std::string checkpoint_io_case_name(const ::testing::TestParamInfo<CheckpointIOCase>& info) {
  return info.param.name;
}

/// What every checkpoint IO must do.
class CheckpointIOConformanceTest : public ::testing::TestWithParam<CheckpointIOCase> {
 protected:
  Value round_trip(const Value& value) {
    io_->save(value, path_);
    return io_->load(path_);
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.file("not/there/yet/epoch-1");
  std::unique_ptr<CheckpointIO> io_ = GetParam().create();
};

TEST_P(CheckpointIOConformanceTest, HasTheNameThatItIsRegisteredUnder) { EXPECT_EQ(io_->name(), GetParam().name); }

TEST_P(CheckpointIOConformanceTest, GivesBackEveryKindOfValue) {
  const Value loaded = round_trip(Dict{{"none", {}},
                                       {"yes", true},
                                       {"int", std::numeric_limits<int64_t>::min()},
                                       {"double", -0.1},
                                       {"text", "gr\u00fc\u00dfe \n'\""},
                                       {"list", List{1, List{}, Dict{}}}});

  EXPECT_TRUE(loaded.at("none").is_none());
  EXPECT_TRUE(loaded.at("yes").to_bool());
  EXPECT_EQ(loaded.at("int").to_int(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(loaded.at("double").to_double(), -0.1);
  EXPECT_EQ(loaded.at("text").to_string(), "gr\u00fc\u00dfe \n'\"");
  EXPECT_EQ(loaded.at("list").to_list()[0].to_int(), 1);
  EXPECT_TRUE(loaded.at("list").to_list()[1].to_list().empty());
  EXPECT_TRUE(loaded.at("list").to_list()[2].to_dict().empty());
}

TEST_P(CheckpointIOConformanceTest, ListsWhatStandsInADirectory) {
  EXPECT_TRUE(io_->list(directory_.file("not/there/yet")).empty());
  io_->save(Dict{{"a", 1}}, path_);
  io_->save(Dict{{"a", 2}}, directory_.file("not/there/yet/epoch-2"));

  std::map<std::string, double> listed;
  for (const StoredCheckpoint& one : io_->list(directory_.file("not/there/yet"))) listed[one.path] = one.written_at;

  ASSERT_EQ(listed.size(), 2u);
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  for (const std::string& path : {path_, directory_.file("not/there/yet/epoch-2")}) {
    ASSERT_EQ(listed.count(path), 1u) << path;
    EXPECT_NEAR(listed[path], now, 60.0);
    EXPECT_EQ(io_->load(path).at("a").kind(), "int");
  }
}

TEST_P(CheckpointIOConformanceTest, KeepsTheOrderOfKeys) {
  const Value loaded = round_trip(Dict{{"z", 1}, {"a", 2}, {"", 3}});

  EXPECT_EQ(loaded.to_dict()[0].first, "z");
  EXPECT_EQ(loaded.to_dict()[1].first, "a");
  EXPECT_EQ(loaded.to_dict()[2].first, "");
}

TEST_P(CheckpointIOConformanceTest, KeepsDtypeShapeAndDataOfTensors) {
  for (const at::ScalarType dtype :
       {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kShort, at::kChar, at::kByte,
        at::kBool, at::kComplexFloat, at::kComplexDouble, at::kUInt16, at::kFloat8_e4m3fn, at::kFloat8_e5m2}) {
    const at::Tensor tensor = at::arange(6, at::kFloat).view({2, 3}).to(dtype);

    const at::Tensor loaded = round_trip(Dict{{"tensor", tensor}}).at("tensor").to_tensor();

    EXPECT_EQ(loaded.scalar_type(), dtype);
    EXPECT_TRUE(at::equal(loaded.to(at::kComplexDouble), tensor.to(at::kComplexDouble))) << dtype;
  }
}

TEST_P(CheckpointIOConformanceTest, TakesEmptyScalarAndStridedTensors) {
  const Value loaded = round_trip(Dict{
      {"empty", at::empty({0, 4})}, {"scalar", at::scalar_tensor(7)}, {"transposed", at::arange(6).view({2, 3}).t()}});

  EXPECT_EQ(loaded.at("empty").to_tensor().sizes(), at::IntArrayRef({0, 4}));
  EXPECT_EQ(loaded.at("scalar").to_tensor().item<int>(), 7);
  EXPECT_EQ(loaded.at("transposed").to_tensor().strides(), at::IntArrayRef({1, 3}));
  EXPECT_EQ(loaded.at("transposed").to_tensor()[2][1].item<int>(), 5);
}

TEST_P(CheckpointIOConformanceTest, DropsWhatBelongsToTheGraph) {
  const at::Tensor parameter = at::ones({2}).requires_grad_();

  const at::Tensor loaded = round_trip(Dict{{"parameter", parameter}}).at("parameter").to_tensor();

  EXPECT_FALSE(loaded.requires_grad());
  EXPECT_TRUE(parameter.requires_grad());
}

TEST_P(CheckpointIOConformanceTest, ReplacesACheckpointAndLeavesNothingElseBehind) {
  io_->save(Dict{{"step", 1}}, path_);
  io_->save(Dict{{"step", 2}}, path_);

  EXPECT_EQ(io_->load(path_).at("step").to_int(), 2);
  const auto directory = std::filesystem::path(path_).parent_path();
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory), std::filesystem::directory_iterator()), 1);
}

TEST_P(CheckpointIOConformanceTest, KeepsTheOldCheckpointWhereSavingFails) {
  io_->save(Dict{{"step", 1}}, path_);

  EXPECT_THROW(io_->save(Dict{{"undefined", at::Tensor()}}, path_), UsageError);

  EXPECT_EQ(io_->load(path_).at("step").to_int(), 1);
}

TEST_P(CheckpointIOConformanceTest, ReportsADirectoryThatCannotBeMade) {
  EXPECT_THROW(io_->save(Dict{}, "/proc/not/there"), SystemError);
}

TEST_P(CheckpointIOConformanceTest, RefusesToLoadWhatIsNoCheckpoint) {
  EXPECT_THROW(io_->load(path_), UsageError);
  EXPECT_THROW(io_->load("/proc/self/cmdline"), UsageError);
}

TEST_P(CheckpointIOConformanceTest, RemovesACheckpointAndMindsNoneThatIsGone) {
  io_->save(Dict{}, path_);

  io_->remove(path_);
  io_->remove(path_);

  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace fabric::testing
