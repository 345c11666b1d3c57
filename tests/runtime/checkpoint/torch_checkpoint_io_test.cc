#include "runtime/checkpoint/torch_checkpoint_io.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "fabric/error.h"
#include "runtime/checkpoint/value_pickler.h"
#include "support/temporary_directory.h"

namespace fabric {
namespace {

using ::testing::HasSubstr;
using namespace std::string_literals;

std::string golden(const std::string& name) { return FABRIC_TEST_CHECKPOINTS "/" + name; }

class TorchCheckpointIOTest : public ::testing::Test {
 protected:
  std::string error_of(const std::string& path) {
    try {
      io_.load(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  }

  testing::TemporaryDirectory directory_;
  std::string path_ = directory_.file("epoch-1");
  TorchCheckpointIO io_;
};

TEST_F(TorchCheckpointIOTest, ReadsStateDictsOfPython) {
  for (const char* name : {"python_protocol_2.pt", "python_protocol_4.pt"}) {
    const Value value = io_.load(golden(name));

    EXPECT_EQ(value.at("model").to_dict().front().first, "0.weight") << name;
    EXPECT_EQ(value.at("model").at("0.weight").to_tensor().sizes(), at::IntArrayRef({2, 3}));
    EXPECT_EQ(value.at("model").at("1.num_batches_tracked").to_tensor().item<int64_t>(), 1);
    EXPECT_EQ(value.at("optimizer").at("state").at("3").at("step").to_tensor().item<float>(), 1);
    EXPECT_EQ(value.at("optimizer").at("param_groups").to_list()[0].at("betas").to_list()[1].to_double(), 0.999);
  }
}

TEST_F(TorchCheckpointIOTest, ReadsTheOtherValuesOfPython) {
  for (const char* name : {"python_protocol_2.pt", "python_protocol_4.pt"}) {
    const Value value = io_.load(golden(name));

    EXPECT_EQ(value.at("large").to_int(), int64_t{1} << 40) << name;
    EXPECT_EQ(value.at("negative").to_int(), -300);
    EXPECT_EQ(value.at("half").to_double(), 0.5);
    EXPECT_EQ(value.at("text").to_string(), "gr\u00fc\u00dfe");
    EXPECT_TRUE(value.at("none").is_none());
    EXPECT_TRUE(value.at("yes").to_bool());
    EXPECT_EQ(value.at("tuple").to_list()[1].to_string(), "two");
    EXPECT_EQ(value.at("twice").to_list()[1].to_list()[1].to_int(), 2);
    EXPECT_EQ(value.at("ordered").at("a").to_int(), 1);
    EXPECT_EQ(value.at("shape").to_list()[1].to_int(), 3);
  }
}

TEST_F(TorchCheckpointIOTest, ReadsTensorsOfPythonAsTheyWere) {
  const Value value = io_.load(golden("python_protocol_2.pt"));

  EXPECT_TRUE(at::equal(value.at("view").to_tensor(), at::tensor({2.0F, 3.0F})));
  EXPECT_EQ(value.at("view").to_tensor().storage().data(), value.at("base").to_tensor().storage().data());
  EXPECT_EQ(value.at("transposed").to_tensor().strides(), at::IntArrayRef({1, 3}));
  EXPECT_TRUE(at::equal(value.at("bfloat16").to_tensor(), at::full({2}, 1.5, at::kBFloat16)));
  EXPECT_EQ(value.at("parameter").to_tensor().item<float>(), 1);
  EXPECT_EQ(value.at("empty").to_tensor().sizes(), at::IntArrayRef({0, 4}));
  EXPECT_TRUE(value.at("flags").to_tensor()[0].item<bool>());
}

TEST_F(TorchCheckpointIOTest, SaysWhatItRefusesOfPython) {
  EXPECT_THAT(error_of(golden("python_dtype.pt")),
              HasSubstr("python_dtype.pt', record 'data.pkl': 'torch.float32' at"));
  EXPECT_THAT(error_of(golden("python_legacy.pt")), HasSubstr("since PyTorch 1.6"));
}

TEST_F(TorchCheckpointIOTest, KeepsStoragesShared) {
  const at::Tensor base = at::arange(6.0F);
  io_.save(Dict{{"first", base.narrow(0, 0, 3)}, {"second", base.narrow(0, 3, 3)}, {"all", base}}, path_);

  const Value loaded = io_.load(path_);
  loaded.at("all").to_tensor().fill_(9);

  EXPECT_EQ(loaded.at("second").to_tensor().sum().item<float>(), 27);
}

TEST_F(TorchCheckpointIOTest, WritesAnOptimizersStateByNumber) {
  const Value optimizer = Dict{{"state", Dict{{"0", 1}, {"10", 2}}}, {"param_groups", List{}}};
  const std::string by_number = pickle_value(optimizer).bytes;
  const std::string by_name = pickle_value(Dict{{"state", Dict{{"0", 1}}}}).bytes;

  EXPECT_THAT(by_number, ::testing::Not(HasSubstr("X\x01\0\0\0000"s)));
  EXPECT_THAT(by_name, HasSubstr("X\x01\0\0\0000"s));
}

TEST_F(TorchCheckpointIOTest, WritesNothingThatPythonWouldRefuse) {
  const std::string bytes = pickle_value(Dict{{"list", List{1}}, {"tensor", at::ones({1})}}).bytes;

  EXPECT_THAT(bytes, ::testing::Not(HasSubstr("torch.jit")));
}

TEST_F(TorchCheckpointIOTest, NamesFileAndRecordOfADamagedStorage) {
  io_.save(Dict{{"weight", at::full({4}, 1234.5)}}, path_);
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const float value = 1234.5;
  file.clear();
  file.seekp(static_cast<std::streamoff>(bytes.find(std::string(reinterpret_cast<const char*>(&value), 4)) + 1));
  file.put('\x55');
  file.close();

  EXPECT_THAT(error_of(path_), ::testing::AllOf(HasSubstr(path_), HasSubstr("record 'data/0'"), HasSubstr("checksum")));
}

TEST_F(TorchCheckpointIOTest, RefusesTensorsThatHaveNoPlainMemory) {
  EXPECT_THROW(io_.save(at::eye(2).to_sparse(), path_), UsageError);
  EXPECT_THROW(io_.save(at::empty({2}, at::kMeta), path_), UsageError);
}

}  // namespace
}  // namespace fabric
