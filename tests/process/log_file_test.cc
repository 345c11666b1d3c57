#include "process/log_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/temporary_directory.h"

namespace fabric::process {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LogFileTest : public ::testing::Test {
 protected:
  std::unique_ptr<LogFile> open(int64_t rotate_bytes) {
    LogFile::Options options;
    options.path = directory_.file("logs/rank-0.log");
    options.rotate_bytes = rotate_bytes;
    options.failed = [this](const Status& status) { failures_.push_back(status.message()); };
    return std::move(*LogFile::open(std::move(options)));
  }
  std::string text_of(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(directory_.file("logs/" + name)).rdbuf();
    return text.str();
  }

  testing::TemporaryDirectory directory_;
  std::vector<std::string> failures_;
};

TEST_F(LogFileTest, GoesOnInAnotherFileAtTheBeginningOfALine) {
  const auto log = open(10);

  log->write("1234\n1234\n56\n");
  log->write("1234567\n");
  log->write("89\n");

  EXPECT_EQ(text_of("rank-0.log"), "1234\n1234\n");
  EXPECT_EQ(text_of("rank-0.1.log"), "56\n");
  EXPECT_EQ(text_of("rank-0.2.log"), "1234567\n");
  EXPECT_EQ(text_of("rank-0.3.log"), "89\n");
  EXPECT_EQ(log->path(), directory_.file("logs/rank-0.3.log"));
}

TEST_F(LogFileTest, KeepsALineWholeThatIsLongerThanAFile) {
  const auto log = open(10);

  log->write("a\n");
  log->write("0123456789");
  log->write("0123456789");
  log->write("01234\nb\n");

  EXPECT_EQ(text_of("rank-0.log"), "a\n");
  EXPECT_EQ(text_of("rank-0.1.log"), "0123456789012345678901234\n");
  EXPECT_EQ(text_of("rank-0.2.log"), "b\n");
}

TEST_F(LogFileTest, StaysInOneFileWithoutALimit) {
  const auto log = open(0);

  log->write(std::string(100'000, 'x') + "\nend\n");

  EXPECT_EQ(text_of("rank-0.log").size(), 100'005u);
  EXPECT_EQ(log->path(), directory_.file("logs/rank-0.log"));
}

TEST_F(LogFileTest, GoesOnInTheFileItHasWhereTheNextCannotBeOpened) {
  const auto log = open(10);
  std::filesystem::create_directory(directory_.file("logs/rank-0.1.log"));

  log->write("123456789\n");
  log->write("more\nand more\n");

  EXPECT_EQ(text_of("rank-0.log"), "123456789\nmore\nand more\n");
  EXPECT_THAT(failures_, ElementsAre(HasSubstr("the log goes on in '" + directory_.file("logs/rank-0.log"))));
}

TEST_F(LogFileTest, TellsOnceThatNothingCanBeWrittenAnyMore) {
  const auto log = open(0);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{6, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);

  log->write("one\ntwo\n");
  log->write("three\n");

  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(text_of("rank-0.log"), "one\ntw");
  EXPECT_THAT(failures_, ElementsAre(HasSubstr("rank-0.log', which ends here: File too large")));
}

TEST_F(LogFileTest, NamesALogThatCannotBeOpened) {
  LogFile::Options options;
  options.path = "/proc/nowhere/rank-0.log";

  EXPECT_THAT(LogFile::open(options).status().message(), HasSubstr("/proc/nowhere"));
  EXPECT_THAT(failures_, IsEmpty());
}

}  // namespace
}  // namespace fabric::process
