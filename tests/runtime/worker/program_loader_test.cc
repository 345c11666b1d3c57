#include "runtime/worker/program_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "core/concat.h"
#include "support/temporary_directory.h"

namespace fabric {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// One of the shared objects that CMakeLists.txt makes from loadable.cc.
std::string loadable(const std::string& name) { return concat(FABRIC_LOADABLES_DIR, "/", name, ".so"); }

std::string message_of(const std::string& path, StatusCode code) {
  const Result<const ProgramTable*> program = load_program(path);
  if (program.ok()) return "loaded";
  EXPECT_EQ(program.error().code(), code) << program.error().message();
  return program.error().message();
}

TEST(ProgramLoaderTest, ReturnsWhatTheProgramOffers) {
  const Result<const ProgramTable*> program = load_program(loadable("loadable"));

  ASSERT_TRUE(program.ok()) << program.error().message();
  EXPECT_EQ((*program)->abi_version, 1u);
  EXPECT_NE((*program)->train, nullptr);
  EXPECT_EQ((*program)->configure, nullptr);
}

TEST(ProgramLoaderTest, NamesAFileThatIsNotThere) {
  EXPECT_THAT(message_of("/nowhere/program.so", StatusCode::kNotFound), HasSubstr("/nowhere/program.so"));
}

TEST(ProgramLoaderTest, RefusesWhatIsNoSharedObject) {
  testing::TemporaryDirectory directory;
  std::ofstream(directory.file("text.so")) << "print('hello')\n";

  EXPECT_THAT(message_of(directory.file("text.so"), StatusCode::kInvalidArgument), HasSubstr("text.so"));
}

TEST(ProgramLoaderTest, RefusesAProgramOfAnotherLibTorchWithoutLoadingIt) {
  EXPECT_THAT(message_of(loadable("loadable_other_torch"), StatusCode::kFailedPrecondition),
              AllOf(HasSubstr("loadable_other_torch.so"), HasSubstr("1.13.1"), HasSubstr("2.11.0")));
}

TEST(ProgramLoaderTest, NamesAMissingFunctionReadably) {
  EXPECT_THAT(message_of(loadable("loadable_lacking"), StatusCode::kFailedPrecondition),
              HasSubstr("forgotten::train_the_model(int)"));
}

TEST(ProgramLoaderTest, AsksForFabricProgramWhereThereIsNoTable) {
  EXPECT_THAT(message_of(loadable("loadable_without_table"), StatusCode::kFailedPrecondition),
              HasSubstr("FABRIC_PROGRAM(train)"));
}

TEST(ProgramLoaderTest, RefusesATableOfAnotherAbi) {
  EXPECT_THAT(message_of(loadable("loadable_other_abi"), StatusCode::kFailedPrecondition), HasSubstr("ABI version 1"));
}

}  // namespace
}  // namespace fabric
