#include "log_forwarder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace fabric::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LogForwarderTest : public ::testing::Test {
 protected:
  LogForwarderTest() : loop_(std::move(*process::EventLoop::create(clock_))) {}

  std::unique_ptr<LogForwarder> make(const LogLimits& limits, int num_ranks = 1) {
    LogForwarder::Port port;
    port.send = [this](LogLines message) { sent_.push_back(std::move(message)); };
    port.has_room = [this] { return has_room_; };
    return std::make_unique<LogForwarder>(*loop_, LogLines{{1, 2}, 7, false, {}, 0}, num_ranks, limits,
                                          std::move(port));
  }
  /// Lets time pass, and what is due then happen.
  void pass(Nanoseconds time) {
    clock_.advance(time);
    loop_->post([this] { loop_->call_after(0ns, [this] { loop_->stop(); }); });
    loop_->run();
  }
  uint64_t dropped() const {
    uint64_t lines = 0;
    for (const LogLines& message : sent_) lines += message.dropped;
    return lines;
  }
  size_t lines() const {
    size_t lines = 0;
    for (const LogLines& message : sent_) lines += message.lines.size();
    return lines;
  }

  ManualClock clock_;
  std::unique_ptr<process::EventLoop> loop_;
  std::vector<LogLines> sent_;
  bool has_room_ = true;
};

TEST_F(LogForwarderTest, SendsTheFirstLineAtOnce) {
  const auto forwarder = make({});

  forwarder->add(true, "one\n");

  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0].generation, (GenerationId{1, 2}));
  EXPECT_EQ(sent_[0].global_rank, 7);
  EXPECT_TRUE(sent_[0].is_stderr);
  EXPECT_THAT(sent_[0].lines, ElementsAre("one"));
}

TEST_F(LogForwarderTest, GathersWhatComesSoonAfterIntoOneBatchInOrder) {
  const auto forwarder = make({});
  forwarder->add(false, "zero\n");

  forwarder->add(false, "one\n");
  forwarder->add(false, "two\nthree\n");
  forwarder->add(true, "four\n");
  forwarder->add(false, "five");
  EXPECT_EQ(sent_.size(), 1u);
  pass(10ms);

  ASSERT_EQ(sent_.size(), 4u);
  EXPECT_THAT(sent_[1].lines, ElementsAre("one", "two", "three"));
  EXPECT_THAT(sent_[2].lines, ElementsAre("four"));
  EXPECT_TRUE(sent_[2].is_stderr);
  EXPECT_THAT(sent_[3].lines, ElementsAre("five"));
}

TEST_F(LogForwarderTest, DoesNotLetABatchGrow) {
  LogLimits limits;
  limits.batch_bytes = 1000;
  const auto forwarder = make(limits);
  forwarder->add(false, "first\n");
  std::string text;
  for (int i = 0; i < 100; ++i) text += "line\n";

  forwarder->add(false, text);

  EXPECT_GT(sent_.size(), 5u);
}

TEST_F(LogForwarderTest, DropsAndCountsWhatIsBeyondTheAllowance) {
  LogLimits limits;
  limits.burst_bytes = 10 * (4 + LogLimits::kLineBytes);
  limits.bytes_per_second = limits.burst_bytes;
  const auto forwarder = make(limits);
  std::string text;
  for (int i = 0; i < 100; ++i) text += "line\n";

  forwarder->add(false, text);
  EXPECT_EQ(lines(), 10u);
  pass(1s);
  forwarder->add(false, "after\n");
  forwarder->flush();

  EXPECT_EQ(dropped(), 90u);
  EXPECT_THAT(sent_.back().lines, ElementsAre("after"));
}

TEST_F(LogForwarderTest, AFloodOnOneStreamLeavesTheOtherItsAllowance) {
  LogLimits limits;
  limits.burst_bytes = 1000;
  const auto forwarder = make(limits);
  forwarder->add(false, std::string(50, '\n'));

  forwarder->add(true, "the error\n");
  forwarder->flush();

  EXPECT_EQ(dropped(), 50u - 1000 / LogLimits::kLineBytes);
  const auto is_error = [](const LogLines& message) {
    return message.lines == std::vector<std::string>{"the error"} && message.dropped == 0;
  };
  EXPECT_TRUE(std::any_of(sent_.begin(), sent_.end(), is_error));
}

TEST_F(LogForwarderTest, RanksShareWhatTheirNodeMaySend) {
  LogLimits limits;
  limits.burst_bytes = 4 * LogLimits::kLineBytes;
  limits.bytes_per_second = 8 * LogLimits::kLineBytes;
  const auto forwarder = make(limits, 4);
  forwarder->add(false, "\n\n\n\n\n");
  pass(500ms);
  sent_.clear();

  forwarder->add(false, "\n\n\n\n\n");
  forwarder->flush();

  EXPECT_EQ(lines(), 1u) << "a quarter of 8 lines a second, after half a second";
}

TEST_F(LogForwarderTest, TellsOfDroppedLinesAlsoIfNothingFollows) {
  LogLimits limits;
  limits.burst_bytes = 10 * LogLimits::kLineBytes;
  const auto forwarder = make(limits);
  forwarder->add(false, std::string(50, '\n'));
  EXPECT_EQ(dropped(), 0u);

  pass(500ms);

  EXPECT_EQ(dropped(), 40u);
}

TEST_F(LogForwarderTest, DropsAndCountsABatchForWhichThereIsNoRoom) {
  const auto forwarder = make({});
  has_room_ = false;

  forwarder->add(false, "one\ntwo\n");
  EXPECT_THAT(sent_, IsEmpty());
  has_room_ = true;
  forwarder->add(false, "three\n");
  forwarder->flush();

  EXPECT_THAT(sent_.back().lines, ElementsAre("three"));
  EXPECT_EQ(dropped(), 2u);
}

}  // namespace
}  // namespace fabric::agent
