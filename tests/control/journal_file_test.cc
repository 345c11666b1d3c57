#include "control/journal_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "support/temporary_directory.h"

namespace fabric::control {
namespace {

using rendezvous::GenerationIssued;
using rendezvous::TermBegun;
using ::testing::HasSubstr;

class JournalFileTest : public ::testing::Test {
 protected:
  std::string path() const { return directory_.file("journal"); }
  std::string text() const {
    std::stringstream text;
    text << std::ifstream(path()).rdbuf();
    return text.str();
  }
  void write(const std::string& text) const { std::ofstream(path()) << text; }

  fabric::testing::TemporaryDirectory directory_;
};

TEST_F(JournalFileTest, StartsEmptyAndGoesOnWhereItEnded) {
  {
    auto file = JournalFile::open(path());
    ASSERT_EQ(file.status(), ok_status());
    EXPECT_EQ((*file)->journal().term, 0u);
    EXPECT_EQ((*file)->append(to_line(TermBegun{1})), ok_status());
    EXPECT_EQ((*file)->append(to_line(GenerationIssued{{1, 1}, {{"a", 0}}})), ok_status());
  }

  auto again = JournalFile::open(path());

  ASSERT_EQ(again.status(), ok_status());
  EXPECT_EQ((*again)->journal().term, 1u);
  EXPECT_EQ((*again)->journal().generation->members.at("a"), 0);
  EXPECT_EQ((*again)->append(to_line(TermBegun{2})), ok_status());
  EXPECT_EQ(text(), "term 1\ngeneration 1 1 1 =a 0\nterm 2\n");
}

TEST_F(JournalFileTest, CutsOffWhatACrashHasLeftHalfWritten) {
  write("term 1\ngenerat");

  auto file = JournalFile::open(path());
  ASSERT_EQ(file.status(), ok_status());
  EXPECT_EQ((*file)->append("term 2"), ok_status());

  EXPECT_EQ(text(), "term 1\nterm 2\n");
}

TEST_F(JournalFileTest, LetsInOneCoordinatorAtATime) {
  auto first = JournalFile::open(path());
  ASSERT_EQ(first.status(), ok_status());

  auto second = JournalFile::open(path());

  EXPECT_EQ(second.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(second.status().message(), HasSubstr("another one has the journal"));
}

TEST_F(JournalFileTest, RefusesAFileThatIsNoJournal) {
  write("term 1\nonce upon a time\n");

  auto file = JournalFile::open(path());

  EXPECT_EQ(file.status().code(), StatusCode::kDataLoss);
  EXPECT_THAT(file.status().message(), HasSubstr("line 2"));
  EXPECT_EQ(text(), "term 1\nonce upon a time\n") << "whatever it is, it is left alone";
}

TEST_F(JournalFileTest, SaysWhereItCannotWrite) {
  auto file = JournalFile::open(directory_.file("missing/journal"));

  EXPECT_EQ(file.status().code(), StatusCode::kNotFound);
  EXPECT_THAT(file.status().message(), HasSubstr("missing/journal"));
}

}  // namespace
}  // namespace fabric::control
