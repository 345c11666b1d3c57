#include "frames/descriptor_packet.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

namespace fabric::frames {
namespace {

using testing::HasSubstr;

class DescriptorPacketTest : public ::testing::Test {
 protected:
  DescriptorPacketTest() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    sender_.reset(ends[0]);
    receiver_.reset(ends[1]);
  }
  UniqueFd sender_;
  UniqueFd receiver_;
};

TEST_F(DescriptorPacketTest, CarriesBytesAndDescriptors) {
  int pipe_ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(pipe_ends, O_CLOEXEC), 0);
  const UniqueFd read_end(pipe_ends[0]);
  const UniqueFd write_end(pipe_ends[1]);
  const std::array<int, 2> descriptors = {read_end.get(), write_end.get()};
  ASSERT_TRUE(send_packet(sender_.get(), std::string_view("a\0b", 3), descriptors).ok());

  const Result<DescriptorPacket> packet = receive_packet(receiver_.get());

  ASSERT_TRUE(packet.ok()) << packet.status().to_string();
  EXPECT_EQ(packet->payload, std::string("a\0b", 3));
  ASSERT_EQ(packet->descriptors.size(), 2u);
  ASSERT_EQ(::write(packet->descriptors[1].get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(read_end.get(), &byte, 1), 1) << "they are the same pipe";
  EXPECT_EQ(::fcntl(packet->descriptors[0].get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(DescriptorPacketTest, KeepsPacketsApart) {
  ASSERT_TRUE(send_packet(sender_.get(), "one").ok());
  ASSERT_TRUE(send_packet(sender_.get(), "two").ok());

  EXPECT_EQ(receive_packet(receiver_.get())->payload, "one");
  EXPECT_EQ(receive_packet(receiver_.get())->payload, "two");
}

TEST_F(DescriptorPacketTest, CarriesTheLargestPayload) {
  const std::string largest(kMaxPacketBytes, 'x');

  ASSERT_TRUE(send_packet(sender_.get(), largest).ok());

  EXPECT_EQ(receive_packet(receiver_.get())->payload, largest);
}

TEST_F(DescriptorPacketTest, RefusesToSendWhatItWouldNotReceive) {
  const std::array<int, kMaxPacketDescriptors + 1> too_many{};

  EXPECT_EQ(send_packet(sender_.get(), "").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(send_packet(sender_.get(), std::string(kMaxPacketBytes + 1, 'x')).code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(send_packet(sender_.get(), "x", too_many).message(), HasSubstr("9"));
}

TEST_F(DescriptorPacketTest, RefusesAPacketThatIsTooLarge) {
  const std::string larger(kMaxPacketBytes + 1, 'x');
  ASSERT_EQ(::send(sender_.get(), larger.data(), larger.size(), 0), static_cast<ssize_t>(larger.size()));

  EXPECT_EQ(receive_packet(receiver_.get()).status().code(), StatusCode::kDataLoss);
}

TEST_F(DescriptorPacketTest, SaysThatThePeerIsGone) {
  sender_.reset();
  EXPECT_EQ(receive_packet(receiver_.get()).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(send_packet(receiver_.get(), "x").code(), StatusCode::kUnavailable);
}

TEST_F(DescriptorPacketTest, DoesNotWaitForAPeerThatTakesNothing) {
  const std::string packet(64 * 1024, 'x');
  Status status;

  for (int i = 0; i < 1000 && status.ok(); ++i) status = send_packet(sender_.get(), packet);

  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace fabric::frames
