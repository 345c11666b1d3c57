#include "core/shared_object.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

#include "support/temporary_directory.h"

namespace fabric {
namespace {

using fabric::testing::TemporaryDirectory;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kLacking = FABRIC_LACKING_LIBRARY;
const std::string kNeedsGone = FABRIC_NEEDS_GONE_LIBRARY;

std::string bytes_of(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

TEST(SharedObjectTest, KnowsWhatItDefinesAndWhatOthersMust) {
  const auto object = SharedObject::open(kLacking);

  ASSERT_TRUE(object.has_value());
  EXPECT_TRUE(object->defines("call_all"));
  EXPECT_FALSE(object->defines("nobody_defines_this"));
  EXPECT_FALSE(object->defines(""));
  EXPECT_THAT(object->undefined(), Contains("nobody_defines_this"));
  EXPECT_THAT(object->undefined(), Not(Contains("nobody_needs_this")));
  EXPECT_THAT(object->needed(), Contains("libc.so.6"));
}

TEST(SharedObjectTest, MissesWhatNothingDefines) {
  EXPECT_THAT(missing_symbols(kLacking, kLacking, ""), ElementsAre("nobody_defines_this"));
}

TEST(SharedObjectTest, FindsLibrariesWhereTheVariableSays) {
  const std::string directory = kNeedsGone.substr(0, kNeedsGone.rfind('/')) + "/gone";

  EXPECT_THAT(missing_symbols(kNeedsGone, kNeedsGone, "/nowhere:" + directory), IsEmpty());
}

TEST(SharedObjectTest, SaysNothingWhereALibraryIsNotFound) {
  EXPECT_THAT(missing_symbols(kNeedsGone, kNeedsGone, ""), IsEmpty());
  EXPECT_THAT(missing_symbols(kLacking, "/nowhere/libfabric_runtime.so", ""), IsEmpty());
  EXPECT_THAT(missing_symbols("/nowhere", kLacking, ""), IsEmpty());
}

TEST(SharedObjectTest, IsNoneOfWhatIsNoElfFile) {
  TemporaryDirectory directory;
  std::ofstream(directory.file("text")) << "no ELF file";

  EXPECT_FALSE(SharedObject::open(directory.file("text")));
  EXPECT_FALSE(SharedObject::open(directory.path().string()));
  EXPECT_FALSE(SharedObject::open("/proc/self/exe/none"));
}

TEST(SharedObjectTest, SurvivesFilesThatAreDamaged) {
  TemporaryDirectory directory;
  const std::string whole = bytes_of(kLacking);
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    std::string damaged = whole;
    if (i % 3 == 0) damaged.resize(random() % damaged.size());
    for (int k = 0; k < 20 && !damaged.empty(); ++k) {
      // Tables stand in the first pages, and that is where damage does the most.
      damaged[random() % std::min<size_t>(damaged.size(), 4096)] = static_cast<char>(random());
    }
    std::ofstream(directory.file("damaged.so"), std::ios::binary) << damaged;

    missing_symbols(directory.file("damaged.so"), kLacking, "");
    if (const auto object = SharedObject::open(directory.file("damaged.so"))) object->defines("call_all");
  }
}

}  // namespace
}  // namespace fabric
