#include "frame_channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <vector>

namespace fabric::agent {
namespace {

using namespace std::chrono_literals;

class FrameChannelTest : public ::testing::Test {
 protected:
  FrameChannelTest() : loop_(std::move(*process::EventLoop::create(clock_))) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    peer_.reset(ends[1]);
    channel_ =
        std::move(*FrameChannel::create(*loop_, UniqueFd(ends[0]),
                                        {.frame = [this](std::string_view frame) { frames_.emplace_back(frame); },
                                         .closed =
                                             [this](const Status& status) {
                                               closed_ = status;
                                               loop_->stop();
                                             }}));
  }
  void write(std::string_view bytes) {
    ASSERT_EQ(::write(peer_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  SystemClock clock_;
  std::unique_ptr<process::EventLoop> loop_;
  UniqueFd peer_;
  std::vector<std::string> frames_;
  std::optional<Status> closed_;
  std::unique_ptr<FrameChannel> channel_;
};

TEST_F(FrameChannelTest, HandsOutFramesHoweverTheyArrive) {
  const std::string bytes = frames::frame_of("one") + frames::frame_of("") + frames::frame_of("three");
  write(bytes.substr(0, 9));
  loop_->call_after(1ms, [&] {
    write(bytes.substr(9));
    peer_.reset();
  });

  loop_->run();

  EXPECT_EQ(frames_, (std::vector<std::string>{"one", "", "three"}));
  EXPECT_EQ(closed_, ok_status());
}

TEST_F(FrameChannelTest, SaysThatAFrameWasCutShort) {
  write(frames::frame_of("whole") + "abc");
  peer_.reset();

  loop_->run();

  EXPECT_EQ(closed_->code(), StatusCode::kDataLoss);
  EXPECT_EQ(frames_.size(), 1u);
}

TEST_F(FrameChannelTest, ClosesOnALengthThatCannotBe) {
  write("\xff\xff\xff\xff");

  loop_->run();

  EXPECT_EQ(closed_->code(), StatusCode::kDataLoss);
  EXPECT_FALSE(channel_->is_open());
}

TEST_F(FrameChannelTest, QueuesWhatThePeerDoesNotTakeAndSendsItInOrder) {
  const std::string big(4 << 20, 'b');
  channel_->send("first");
  channel_->send(big);
  channel_->send("last");
  EXPECT_GT(channel_->queued_bytes(), 0u);

  std::vector<std::string> got;
  auto reader = std::move(*FrameChannel::create(*loop_, std::move(peer_),
                                                {.frame =
                                                     [&](std::string_view frame) {
                                                       got.emplace_back(frame);
                                                       if (got.size() == 3) loop_->stop();
                                                     },
                                                 .closed = [](const Status&) {}}));
  loop_->run();

  EXPECT_EQ(got, (std::vector<std::string>{"first", big, "last"}));
  EXPECT_EQ(channel_->queued_bytes(), 0u);
}

TEST_F(FrameChannelTest, ReadsWhatAPeerSaidBeforeItWasGoneThoughSendingFails) {
  write(frames::frame_of("last words"));
  peer_.reset();

  channel_->send("too late");
  channel_->drain();

  EXPECT_EQ(frames_, std::vector<std::string>{"last words"});
}

TEST_F(FrameChannelTest, HandsOutNothingAfterItWasClosedByACallback) {
  int frames = 0;
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  std::unique_ptr<FrameChannel> channel;
  channel = std::move(*FrameChannel::create(*loop_, UniqueFd(ends[0]),
                                            {.frame =
                                                 [&](std::string_view) {
                                                   ++frames;
                                                   channel->close();
                                                 },
                                             .closed = [](const Status&) { FAIL(); }}));
  peer_.reset(ends[1]);
  write(frames::frame_of("a") + frames::frame_of("b"));

  channel->drain();

  EXPECT_EQ(frames, 1);
}

TEST_F(FrameChannelTest, FlushGivesUpAtItsBound) {
  channel_->send(std::string(4 << 20, 'b'));

  channel_->flush(5ms);

  EXPECT_GT(channel_->queued_bytes(), 0u);
}

}  // namespace
}  // namespace fabric::agent
