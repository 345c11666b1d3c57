#include "runtime/checkpoint/unpickler.h"

#include <ATen/ops/ones.h>
#include <c10/core/CPUAllocator.h>
#include <gmock/gmock.h>

#include <cstring>
#include <string>

#include "runtime/checkpoint/value_pickler.h"

namespace fabric {
namespace {

using ::testing::HasSubstr;
using namespace std::string_literals;

LoadedStorage zeros(const std::string&, uint64_t bytes) {
  c10::Allocator* allocator = c10::GetCPUAllocator();
  c10::Storage storage(c10::Storage::use_byte_size_t(), bytes, allocator->allocate(bytes), allocator, true);
  std::memset(storage.mutable_data(), 0, bytes);
  return {storage, nullptr};
}

Value read(const std::string& bytes) { return unpickle(bytes, zeros, "pickle"); }

std::string error_of(const std::string& bytes) {
  try {
    read(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

/// The pickle of a tensor of 4 floats at `offset`, with one size and stride.
std::string tensor_pickle(const std::string& offset, const std::string& size, const std::string& stride) {
  return "\x80\x02"s + "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0000"s +
         "X\x03\0\0\0cpuK\x04tQ"s + offset + size + "\x85"s + stride + "\x85\x89" + "ccollections\nOrderedDict\n)RtR.";
}

TEST(UnpicklerTest, ReadsNumbersOfEverySize) {
  EXPECT_EQ(read("K\xff.").to_int(), 255);
  EXPECT_EQ(read("M\x01\x02.").to_int(), 0x201);
  EXPECT_EQ(read("J\xff\xff\xff\xff.").to_int(), -1);
  EXPECT_EQ(read("\x8a\x02\x00\xff."s).to_int(), -256);
  EXPECT_EQ(read("\x8a\x00."s).to_int(), 0);
  EXPECT_EQ(read("G\x3f\xe0\0\0\0\0\0\0."s).to_double(), 0.5);
  EXPECT_THAT(error_of("\x8a\x09\0\0\0\0\0\0\0\0\x01."s), HasSubstr("must fit into 64 bits"));
}

TEST(UnpicklerTest, FillsContainersThatWereStoredBefore) {
  const Value value = read("]q\0]q\1ah\1K\1aa."s);  // a = []; b = [a]; a.append(1); b.append(a)

  EXPECT_EQ(value.to_list().size(), 2);
  EXPECT_EQ(value.to_list()[1].to_list()[0].to_int(), 1);
}

TEST(UnpicklerTest, TakesTheLaterOfTwoEqualKeys) {
  const Value value = read("}(X\1\0\0\0aK\1X\1\0\0\0aK\2K\7K\3u."s);

  EXPECT_EQ(value.to_dict().size(), 2);
  EXPECT_EQ(value.at("a").to_int(), 2);
  EXPECT_EQ(value.at("7").to_int(), 3);
}

TEST(UnpicklerTest, NamesTheGlobalThatItRefuses) {
  EXPECT_THAT(error_of("\x80\x02"
                       "cos\nsystem\nX\2\0\0\0lstR."s),
              HasSubstr("'os.system' at byte 2 is refused"));
  EXPECT_THAT(error_of("\x80\x04\x8c\x08"
                       "builtins\x8c\x04"
                       "eval\x93."),
              HasSubstr("'builtins.eval'"));
}

TEST(UnpicklerTest, RefusesBytesSetsAndObjects) {
  EXPECT_THAT(error_of("C\1a."), HasSubstr("opcode 67 at byte 0"));
  EXPECT_THAT(error_of("\x8f."), HasSubstr("opcode 143"));
  EXPECT_THAT(error_of("ccollections\nOrderedDict\n)\x81."), HasSubstr("opcode 129"));
  EXPECT_THAT(error_of("ccollections\nOrderedDict\n."), HasSubstr("bare function"));
}

TEST(UnpicklerTest, RefusesATreeThatContainsItselfOrIsTooDeep) {
  EXPECT_THAT(error_of("]q\0h\0a."s), HasSubstr("contains itself"));
  EXPECT_THAT(error_of(std::string(200'000, ']') + std::string(199'999, 'a') + "."), HasSubstr("deeper"));
}

TEST(UnpicklerTest, RefusesATreeThatUnfoldsWithoutEnd) {
  std::string bytes = "]q\0"s;
  for (char i = 0; i < 60; ++i) bytes += "]q"s + static_cast<char>(i + 1) + "(h"s + i + "h"s + i + "e"s;

  EXPECT_THAT(error_of(bytes + "."), HasSubstr("far larger"));
}

TEST(UnpicklerTest, ChecksATensorAgainstItsStorage) {
  EXPECT_EQ(read(tensor_pickle("K\1", "K\3", "K\1")).to_tensor().numel(), 3);
  EXPECT_THAT(error_of(tensor_pickle("K\1", "K\4", "K\1")), HasSubstr("reaches beyond its storage '0' of 4 elements"));
  EXPECT_THAT(error_of(tensor_pickle("K\0"s, "K\3", "K\2")), HasSubstr("reaches beyond"));
  EXPECT_THAT(error_of(tensor_pickle("K\0"s, "J\xff\xff\xff\xff", "K\1")), HasSubstr("at least 0"));
  const std::string huge = "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
  EXPECT_THAT(error_of(tensor_pickle("K\0"s, huge, huge)), HasSubstr("reaches beyond"));
  EXPECT_THAT(error_of(tensor_pickle("K\0"s, huge, "K\0"s)), HasSubstr("reaches beyond"));
}

TEST(UnpicklerTest, RefusesATensorWithFewerStridesThanSizes) {
  std::string bytes = tensor_pickle("K\0"s, "K\2", "K\1");
  const size_t size = bytes.find("K\2\x85");
  ASSERT_NE(size, std::string::npos);

  EXPECT_THAT(error_of(bytes.replace(size, 3, "K\2K\2\x86")), HasSubstr("a stride for each size"));
}

TEST(UnpicklerTest, SurvivesEveryPrefixAndEveryChangedByte) {
  const std::string good = pickle_value(Dict{{"a", List{1, 2.5, "text", true, {}}}, {"w", at::ones({2, 2})}}).bytes;
  ASSERT_NO_THROW(read(good));

  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_THROW(read(good.substr(0, i)), Error) << i;
    for (const int flip : {0x01, 0x20, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      try {
        read(bad);
      } catch (const Error&) {
      }
    }
  }
}

}  // namespace
}  // namespace fabric
