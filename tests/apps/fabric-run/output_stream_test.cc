#include "output_stream.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <memory>
#include <optional>

#include "core/unique_fd.h"

namespace fabric::launcher {
namespace {

using namespace std::chrono_literals;

class OutputStreamTest : public ::testing::Test {
 protected:
  OutputStreamTest() : loop_(std::move(*process::EventLoop::create(clock_))) {
    std::signal(SIGPIPE, SIG_IGN);
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read_end_.reset(ends[0]);
    write_end_.reset(ends[1]);
    stream_.emplace(*loop_, write_end_.get());
  }
  /// Runs the loop until what has been read from the pipe ends with `end`, and returns it.
  std::string read_until(const std::string& end) {
    std::string text;
    EXPECT_TRUE(loop_
                    ->watch(read_end_.get(), EPOLLIN,
                            [&](uint32_t) {
                              std::array<char, 65'536> buffer;
                              const ssize_t got = ::read(read_end_.get(), buffer.data(), buffer.size());
                              text.append(buffer.data(), static_cast<size_t>(std::max<ssize_t>(got, 0)));
                              if (text.ends_with(end)) loop_->stop();
                            })
                    .ok());
    const process::TimerId limit = loop_->call_after(10s, [&] {
      ADD_FAILURE() << "got " << text.size() << " bytes without the end";
      loop_->stop();
    });
    loop_->run();
    loop_->cancel(limit);
    loop_->unwatch(read_end_.get());
    return text;
  }

  SystemClock clock_;
  std::unique_ptr<process::EventLoop> loop_;
  UniqueFd read_end_;
  UniqueFd write_end_;
  std::optional<OutputStream> stream_;
};

TEST_F(OutputStreamTest, WritesAtOnceWhatTheReaderTakes) {
  stream_->write("one\n");

  std::array<char, 8> buffer{};
  EXPECT_EQ(::read(read_end_.get(), buffer.data(), buffer.size()), 4);
}

TEST_F(OutputStreamTest, QueuesWhatTheReaderDoesNotTakeYetAndLosesNothing) {
  const std::string line(99'999, 'x');
  for (int i = 0; i < 20; ++i) stream_->write(line + '\n');  // 2 MB, a pipe holds 64 KiB
  stream_->write("end\n");

  const std::string text = read_until("end\n");

  EXPECT_EQ(text.size(), 2'000'004u);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 21);
}

TEST_F(OutputStreamTest, CountsTheLinesThatASlowReaderMisses) {
  const std::string megabyte = std::string((size_t{1} << 20) - 1, 'x') + '\n';
  for (int i = 0; i < 11; ++i) stream_->write(megabyte);
  EXPECT_EQ(read_until("x\n").size() % megabyte.size(), 0u);
  stream_->write("end\n");

  const std::string text = read_until("end\n");

  EXPECT_NE(text.find("fabric-run: 3 lines are missing here"), std::string::npos);
}

TEST_F(OutputStreamTest, EndsTheOutputWhenTheReaderIsGone) {
  read_end_.reset();

  stream_->write("to nobody\n");

  EXPECT_TRUE(stream_->is_closed());
  stream_->write("more\n");
  stream_->flush(0s);
}

TEST_F(OutputStreamTest, SaysWhyNothingCanBeWrittenWhereTheReaderIsNotToBlame) {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  OutputStream stream(*loop_, full.get());

  stream.write("lost\n");

  EXPECT_TRUE(stream.is_closed());
  EXPECT_EQ(stream.failure().code(), StatusCode::kResourceExhausted);
  read_end_.reset();
  stream_->write("to nobody\n");
  EXPECT_TRUE(stream_->failure().ok());
}

TEST_F(OutputStreamTest, FlushGivesUpOnAReaderThatTakesNothing) {
  stream_->write(std::string(1 << 20, 'x') + '\n');

  const TimePoint before = clock_.now();
  stream_->flush(50ms);

  EXPECT_LT(clock_.now() - before, 5s);
  EXPECT_FALSE(stream_->is_closed());
}

}  // namespace
}  // namespace fabric::launcher
