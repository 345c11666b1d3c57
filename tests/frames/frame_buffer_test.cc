#include "frames/frame_buffer.h"

#include <gtest/gtest.h>

#include <random>

namespace fabric::frames {
namespace {

TEST(FrameBufferTest, CutsAStreamIntoFramesHoweverItArrives) {
  std::mt19937 random(5);
  std::string stream;
  std::vector<std::string> sent;
  for (int i = 0; i < 500; ++i) {
    sent.emplace_back(random() % 3000, static_cast<char>('a' + i % 26));
    stream += frame_of(sent.back());
  }

  FrameBuffer buffer;
  std::vector<std::string> received;
  for (size_t position = 0; position < stream.size();) {
    const size_t count = std::min<size_t>(1 + random() % 5000, stream.size() - position);
    buffer.feed(std::string_view(stream).substr(position, count));
    position += count;
    for (auto frame = buffer.next(); frame.ok() && frame->has_value(); frame = buffer.next())
      received.push_back(**frame);
  }

  EXPECT_EQ(received, sent);
  EXPECT_FALSE(buffer.is_mid_frame());
}

TEST(FrameBufferTest, AFrameMayBeEmpty) {
  FrameBuffer buffer;
  buffer.feed(frame_of(""));

  const auto frame = buffer.next();

  ASSERT_TRUE(frame.ok());
  EXPECT_EQ(**frame, "");
}

TEST(FrameBufferTest, SaysThatAPartIsWaiting) {
  FrameBuffer buffer;
  buffer.feed(frame_of("hello").substr(0, 6));

  EXPECT_FALSE(buffer.next()->has_value());
  EXPECT_TRUE(buffer.is_mid_frame());
}

TEST(FrameBufferTest, RefusesALengthOverTheLimit) {
  FrameBuffer buffer;
  buffer.feed("\xFF\xFF\xFF\xFF");

  EXPECT_EQ(buffer.next().status().code(), StatusCode::kDataLoss);
}

}  // namespace
}  // namespace fabric::frames
