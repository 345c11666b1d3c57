#include "process/output_pump.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "support/temporary_directory.h"

namespace fabric::process {
namespace {

using namespace std::chrono_literals;

class OutputPumpTest : public ::testing::Test {
 protected:
  OutputPumpTest() : loop_(std::move(*EventLoop::create(clock_))) {
    log_path_ = directory_.file("logs/gen-1.1/rank-0.log");
    log_ = std::move(*open_log(log_path_));
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    write_end_.reset(ends[1]);
    OutputSink sink;
    sink.log_fd = log_.get();
    sink.lines = [this](std::span<const std::string_view> lines) {
      lines_.insert(lines_.end(), lines.begin(), lines.end());
    };
    sink.closed = [this] {
      closed_ = true;
      pump_.reset();
      loop_->stop();
    };
    sink.log_failed = [this](const Status& status) { log_failure_ = status; };
    pump_ = std::move(*OutputPump::create(*loop_, UniqueFd(ends[0]), std::move(sink)));
  }

  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(write_end_.get(), text.data(), text.size());
      ASSERT_GT(written, 0);
      text.remove_prefix(static_cast<size_t>(written));
    }
  }
  std::string log_text() const {
    std::ostringstream text;
    text << std::ifstream(log_path_).rdbuf();
    return text.str();
  }

  SystemClock clock_;
  std::unique_ptr<EventLoop> loop_;
  testing::TemporaryDirectory directory_;
  std::string log_path_;
  UniqueFd log_;
  UniqueFd write_end_;
  std::vector<std::string> lines_;
  bool closed_ = false;
  Status log_failure_;
  std::unique_ptr<OutputPump> pump_;
};

TEST_F(OutputPumpTest, HandsOutWholeLinesAndWritesAllBytesToTheLog) {
  write("one\n\ntw");
  loop_->post([this] {
    loop_->call_after(1ms, [this] {
      write("o\nthree");
      write_end_.reset();
    });
  });

  loop_->run();

  EXPECT_EQ(lines_, (std::vector<std::string>{"one", "", "two", "three"}));
  EXPECT_EQ(log_text(), "one\n\ntwo\nthree");
  EXPECT_TRUE(closed_);
}

TEST_F(OutputPumpTest, MakesALogThatOnlyItsOwnerMayWrite) {
  struct stat info {};
  ASSERT_EQ(::stat(log_path_.c_str(), &info), 0);

  EXPECT_EQ(info.st_mode & 0777 & ~0640u, 0u);
}

TEST_F(OutputPumpTest, CutsALineWithoutEndIntoBoundedPieces) {
  const std::string text(3 * OutputPump::kMaxLineBytes + 5, 'x');
  std::thread writer([&] {
    write(text + "\nlast\n");
    write_end_.reset();
  });

  loop_->run();
  writer.join();

  ASSERT_EQ(lines_.size(), 5u);
  EXPECT_EQ(lines_[0].size(), OutputPump::kMaxLineBytes);
  EXPECT_EQ(lines_[3], "xxxxx");
  EXPECT_EQ(lines_[4], "last");
  EXPECT_EQ(log_text().size(), text.size() + 6);
}

TEST_F(OutputPumpTest, LosesNothingOfAFlood) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += std::to_string(i) + '\n';
  std::thread writer([&] {
    write(text);
    write_end_.reset();
  });

  loop_->run();
  writer.join();

  ASSERT_EQ(lines_.size(), 200'000u);
  EXPECT_EQ(lines_[123'456], "123456");
  EXPECT_EQ(log_text(), text);
}

TEST_F(OutputPumpTest, GivesUpAtTheDeadlineWhenTheOtherEndStaysOpen) {
  write("before\nrest");

  pump_->finish_by(clock_.now() + 5ms);
  loop_->run();

  EXPECT_TRUE(closed_);
  EXPECT_EQ(lines_, (std::vector<std::string>{"before", "rest"}));
}

TEST_F(OutputPumpTest, GoesOnWithoutALogThatCannotBeWritten) {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::dup2(full.get(), log_.get()), log_.get());

  write("one\ntwo\n");
  write_end_.reset();
  loop_->run();

  EXPECT_EQ(log_failure_.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(lines_, (std::vector<std::string>{"one", "two"}));
}

}  // namespace
}  // namespace fabric::process
