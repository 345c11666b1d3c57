#include "event_journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "support/temporary_directory.h"

namespace fabric::launcher {
namespace {

using ::testing::HasSubstr;

TEST(EventJournalTest, WritesOneObjectALine) {
  const testing::TemporaryDirectory directory;
  EventJournal journal = std::move(*EventJournal::open(directory.file("events.jsonl")));

  EXPECT_TRUE(journal.append(event_json(5, "one", {{"rank", int64_t{3}}, {"text", "a\n\xff"}})).ok());

  std::ostringstream text;
  text << std::ifstream(directory.file("events.jsonl")).rdbuf();
  EXPECT_EQ(text.str(), "{\"time_ns\":5,\"event\":\"one\",\"rank\":3,\"text\":\"a\\n\xef\xbf\xbd\"}\n");
}

TEST(EventJournalTest, KeepsLaterLinesWholeWhenOneCouldNotBeWritten) {
  const testing::TemporaryDirectory directory;
  EventJournal journal = std::move(*EventJournal::open(directory.file("events.jsonl")));
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{3, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);

  const Status status = journal.append("{\"a\":1}");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_TRUE(journal.append("{\"b\":2}").ok());

  EXPECT_THAT(status.message(), HasSubstr("events.jsonl': File too large"));
  std::ostringstream text;
  text << std::ifstream(directory.file("events.jsonl")).rdbuf();
  EXPECT_EQ(text.str(), "{\"a\n{\"b\":2}\n");
}

}  // namespace
}  // namespace fabric::launcher
