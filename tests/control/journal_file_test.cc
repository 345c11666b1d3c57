#include "control/journal_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <vector>

#include "support/temporary_directory.h"

namespace fabric::control {
namespace {

using rendezvous::GenerationIssued;
using rendezvous::TermBegun;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class JournalFileTest : public ::testing::Test {
 protected:
  std::string path() const { return directory_.file("journal"); }
  Result<std::unique_ptr<JournalFile>> open(const std::string& run_id = "run-1") const {
    return JournalFile::open(path(), run_id);
  }
  std::string text() const {
    std::stringstream text;
    text << std::ifstream(path()).rdbuf();
    return text.str();
  }
  void write(const std::string& text) const { std::ofstream(path()) << text; }
  /// What is there after two entries.
  std::string two_entries() const {
    auto file = open();
    EXPECT_EQ((*file)->append(to_line(TermBegun{1})), ok_status());
    EXPECT_EQ((*file)->append(to_line(GenerationIssued{{1, 1}, {{"a", 0}}})), ok_status());
    return text();
  }

  fabric::testing::TemporaryDirectory directory_;
};

TEST_F(JournalFileTest, StartsEmptyAndGoesOnWhereItEnded) {
  EXPECT_EQ((*open())->journal().term, 0u);
  const std::string before = two_entries();

  auto again = open();

  ASSERT_EQ(again.status(), ok_status());
  EXPECT_EQ((*again)->journal().term, 1u);
  EXPECT_EQ((*again)->journal().generation->members.at("a"), 0);
  EXPECT_EQ((*again)->append(to_line(TermBegun{2})), ok_status());
  EXPECT_THAT(text(), ::testing::StartsWith(before + "term 2 "));
  EXPECT_THAT(before,
              MatchesRegex("journal 1 run-1 [0-9a-f]{8}\nterm 1 [0-9a-f]{8}\ngeneration 1 1 1 =a 0 [0-9a-f]{8}\n"));
}

// A crash may leave any part of the last line, and a machine that lost its power anything in its place.
TEST_F(JournalFileTest, CutsOffALastLineThatACrashHasLeft) {
  const std::string whole = two_entries();
  const size_t first = whole.find('\n') + 1;
  const size_t last = whole.find("generation");
  std::vector<std::string> left = {whole.substr(0, last) + "generation 1 1 1 =b" + whole.substr(last + 19),
                                   whole.substr(0, last) + std::string(20, '\0') + "\n"};
  for (size_t size = last; size < whole.size(); ++size) left.push_back(whole.substr(0, size));
  for (const std::string& torn : left) {
    write(torn);
    auto file = open();
    ASSERT_EQ(file.status(), ok_status()) << torn;
    EXPECT_EQ(text(), whole.substr(0, last));
    EXPECT_EQ((*file)->journal().term, 1u);
    EXPECT_FALSE((*file)->journal().generation);
  }
  for (size_t size = 0; size < first; ++size) {
    write(whole.substr(0, size));
    ASSERT_EQ(open().status(), ok_status());
    EXPECT_EQ(text(), whole.substr(0, first)) << "its first line is written anew";
  }
}

TEST_F(JournalFileTest, RefusesDamageBeforeTheLastLine) {
  const std::string whole = two_entries();
  for (size_t at = 0; at + 1 < whole.find("generation"); ++at) {
    std::string damaged = whole;
    damaged[at] = damaged[at] == '1' ? '2' : '1';
    write(damaged);

    EXPECT_EQ(open().status().code(), StatusCode::kDataLoss) << damaged;
    EXPECT_EQ(text(), damaged) << "whatever it is, it is left alone";
  }
}

TEST_F(JournalFileTest, RefusesTheJournalOfAnotherRun) {
  two_entries();

  const Status status = open("run-2").status();

  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("must begin with 'journal 1 run-2', but begins with 'journal 1 run-1'"));
}

// A file that may grow no further is as good as a disk that is full.
TEST_F(JournalFileTest, WritesNothingAfterAnError) {
  auto file = open();
  ASSERT_EQ(file.status(), ok_status());
  const std::string before = text();
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit none{before.size(), limit.rlim_max};
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  const Status failed = (*file)->append("term 1");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  ::signal(SIGXFSZ, handler);
  ASSERT_FALSE(failed.ok());

  EXPECT_EQ((*file)->append("term 2"), failed);

  EXPECT_EQ(text(), before);
}

TEST_F(JournalFileTest, LetsInOneCoordinatorAtATime) {
  auto first = open();
  ASSERT_EQ(first.status(), ok_status());

  auto second = open();

  EXPECT_EQ(second.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(second.status().message(), HasSubstr("another one has the journal"));
}

TEST_F(JournalFileTest, RefusesAFileThatIsNoJournal) {
  for (const std::string other : {"once upon a time", "once upon a time\n", "once\nupon\na time\n"}) {
    write(other);

    EXPECT_EQ(open().status().code(), StatusCode::kDataLoss);
    EXPECT_EQ(text(), other) << "whatever it is, it is left alone";
  }
}

TEST_F(JournalFileTest, SaysWhereItCannotWrite) {
  auto file = JournalFile::open(directory_.file("missing/journal"), "run-1");

  EXPECT_EQ(file.status().code(), StatusCode::kNotFound);
  EXPECT_THAT(file.status().message(), HasSubstr("missing/journal"));
}

}  // namespace
}  // namespace fabric::control
