#include "program_copy.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/file_text.h"
#include "support/temporary_directory.h"

namespace fabric::launcher {
namespace {

using fabric::testing::file_text;
using fabric::testing::TemporaryDirectory;

TEST(ProgramCopyTest, IsNamedByTheBuildIdOrByWhatItHolds) {
  TemporaryDirectory directory;
  std::ofstream(directory.file("y.so")) << "bytes";

  const auto by_id = copy_program(directory.file("y.so"), "abc", directory.path().string());
  const auto by_hash = copy_program(directory.file("y.so"), "", directory.path().string());

  EXPECT_EQ(by_id.value(), directory.file("abc.so"));
  EXPECT_EQ(file_text(*by_id), "bytes");
  EXPECT_EQ(file_text(by_hash.value()), "bytes");
}

TEST(ProgramCopyTest, SaysWhetherTheProgramOrTheCopyIsToBlame) {
  TemporaryDirectory directory;
  std::ofstream(directory.file("y.so")) << "bytes";
  std::filesystem::create_directory(directory.file("directory"));

  for (const char* const program : {"none", "directory"}) {
    for (const char* const build_id : {"abc", ""}) {
      const auto copy = copy_program(directory.file(program), build_id, directory.path().string());
      ASSERT_FALSE(copy.has_value());
      EXPECT_TRUE(copy.error().is_of_program) << copy.error().status.message();
    }
  }
  const auto copy = copy_program(directory.file("y.so"), "abc", directory.file("none"));
  ASSERT_FALSE(copy.has_value());
  EXPECT_FALSE(copy.error().is_of_program) << copy.error().status.message();
}

}  // namespace
}  // namespace fabric::launcher
