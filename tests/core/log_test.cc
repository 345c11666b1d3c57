#include "core/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "core/unique_fd.h"

namespace fabric {
namespace {

class FdLogTest : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    reader_.reset(ends[0]);
    writer_.reset(ends[1]);
  }
  std::string read_all() {
    writer_.reset();
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(reader_.get(), buffer.data(), buffer.size());
    return {buffer.data(), static_cast<size_t>(count)};
  }

  UniqueFd reader_;
  UniqueFd writer_;
  ManualClock clock_;
};

TEST_F(FdLogTest, WritesOneLineWithTimeLevelWhoAndFields) {
  FdLog log(writer_.get(), "fabric-agent[node0]", LogLevel::kInfo, clock_);

  log.info("rank started", {{"rank", 3}, {"pid", 17}});

  EXPECT_EQ(read_all(), "1970-01-01T01:00:00.000Z info fabric-agent[node0]: rank started rank=3 pid=17\n");
}

TEST_F(FdLogTest, QuotesValuesSoThatALineStaysALine) {
  FdLog log(writer_.get(), "x", LogLevel::kInfo, clock_);

  log.error("bad", {{"reason", "a \"b\"\nc"}, {"empty", ""}});

  EXPECT_EQ(read_all(), "1970-01-01T01:00:00.000Z error x: bad reason=\"a \\\"b\\\"\\nc\" empty=\"\"\n");
}

TEST_F(FdLogTest, LeavesOutWhatIsBelowItsLevel) {
  FdLog log(writer_.get(), "x", LogLevel::kWarning, clock_);

  log.info("not this");
  log.warning("this");

  EXPECT_EQ(read_all(), "1970-01-01T01:00:00.000Z warning x: this\n");
}

}  // namespace
}  // namespace fabric
