#include "process/output_pump.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "process/pipe.h"
#include "support/temporary_directory.h"

namespace fabric::process {
namespace {

using namespace std::chrono_literals;

/// A pump that reads what the test writes to its pipe.
struct Output {
  UniqueFd write_end;
  std::vector<std::string> lines;
  bool is_closed = false;
  std::unique_ptr<OutputPump> pump;
  std::function<void()> slow_down = [] {};  // called with each text

  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(write_end.get(), text.data(), text.size());
      ASSERT_GT(written, 0);
      text.remove_prefix(static_cast<size_t>(written));
    }
  }
};

class OutputPumpTest : public ::testing::Test {
 protected:
  OutputPumpTest() : loop_(std::move(*EventLoop::create(clock_))) {
    log_path_ = directory_.file("logs/gen-1.1/rank-0.log");
    LogFile::Options log;
    log.path = log_path_;
    log_ = std::move(*LogFile::open(std::move(log)));
    start(first_);
  }

  /// Starts a pump that shares the log; the loop stops when it is closed.
  void start(Output& output) {
    Pipe pipe = std::move(*make_output_pipe());
    output.write_end = std::move(pipe.write_end);
    OutputSink sink;
    sink.log = log_.get();
    sink.text = [&output](std::string_view text) {
      for_each_line(text, [&](std::string_view line) { output.lines.emplace_back(line); });
      output.slow_down();
    };
    sink.closed = [this, &output] {
      output.is_closed = true;
      output.pump.reset();
      loop_->stop();
    };
    output.pump = std::move(*OutputPump::create(*loop_, std::move(pipe.read_end), std::move(sink)));
  }
  /// Runs the loop until `predicate` holds, for ten seconds at most.
  bool run_until(const std::function<bool()>& predicate) {
    const TimePoint end = clock_.now() + 10s;
    bool holds = false;
    TimerId timer;
    const std::function<void()> look = [&] {
      holds = predicate();
      if (holds || clock_.now() > end) return loop_->stop();
      timer = loop_->call_after(1ms, look);
    };
    look();
    if (!holds) loop_->run();
    loop_->cancel(timer);
    return holds;
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
  std::unique_ptr<LogFile> log_;
  Output first_;
};

TEST_F(OutputPumpTest, HandsOutWholeLinesAndWritesAllBytesToTheLog) {
  first_.write("one\n\ntw");
  loop_->post([this] {
    loop_->call_after(1ms, [this] {
      first_.write("o\nthree");
      first_.write_end.reset();
    });
  });

  loop_->run();

  EXPECT_EQ(first_.lines, (std::vector<std::string>{"one", "", "two", "three"}));
  EXPECT_EQ(log_text(), "one\n\ntwo\nthree");
  EXPECT_TRUE(first_.is_closed);
}

TEST_F(OutputPumpTest, MakesALogThatOnlyItsOwnerMayWrite) {
  struct stat info {};
  ASSERT_EQ(::stat(log_path_.c_str(), &info), 0);

  EXPECT_EQ(info.st_mode & 0777 & ~0640u, 0u);
}

TEST_F(OutputPumpTest, CutsALineWithoutEndIntoBoundedPieces) {
  const std::string text(3 * kMaxLineBytes + 5, 'x');
  std::thread writer([&] {
    first_.write(text + "\nlast\n");
    first_.write_end.reset();
  });

  loop_->run();
  writer.join();

  ASSERT_EQ(first_.lines.size(), 5u);
  EXPECT_EQ(first_.lines[0].size(), kMaxLineBytes);
  EXPECT_EQ(first_.lines[3], "xxxxx");
  EXPECT_EQ(first_.lines[4], "last");
  EXPECT_EQ(log_text().size(), text.size() + 6);
}

TEST_F(OutputPumpTest, LosesNothingOfAFlood) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += std::to_string(i) + '\n';
  std::thread writer([&] {
    first_.write(text);
    first_.write_end.reset();
  });

  loop_->run();
  writer.join();

  ASSERT_EQ(first_.lines.size(), 200'000u);
  EXPECT_EQ(first_.lines[123'456], "123456");
  EXPECT_EQ(log_text(), text);
}

TEST_F(OutputPumpTest, GivesUpAtTheDeadlineWhenTheOtherEndStaysOpen) {
  first_.write("before\nrest");

  first_.pump->finish_by(clock_.now() + 5ms);
  loop_->run();

  EXPECT_TRUE(first_.is_closed);
  EXPECT_EQ(first_.lines, (std::vector<std::string>{"before", "rest"}));
}

TEST_F(OutputPumpTest, PumpsOfOneLogDoNotTearEachOthersLines) {
  Output second;
  start(second);
  first_.write("one\ntw");
  ASSERT_TRUE(run_until([this] { return first_.lines.size() == 1; }));

  second.write("x\n");
  ASSERT_TRUE(run_until([&] { return second.lines.size() == 1; }));
  first_.write("o\n");
  ASSERT_TRUE(run_until([this] { return first_.lines.size() == 2; }));

  EXPECT_EQ(log_text(), "one\nx\ntwo\n");
}

TEST_F(OutputPumpTest, LogsTheBeginningOfALineWhoseEndDoesNotCome) {
  first_.write("10 %");

  EXPECT_TRUE(run_until([this] { return log_text() == "10 %"; }));
  EXPECT_TRUE(first_.lines.empty());
  first_.write(" 20 %\nend\n");
  EXPECT_TRUE(run_until([this] { return first_.lines.size() == 2; }));
  EXPECT_EQ(log_text(), "10 % 20 %\nend\n");
}

TEST_F(OutputPumpTest, KeepsALineWholeWhoseEndABusyLoopIsLateToRead) {
  Output second;
  start(second);
  first_.write("one ");
  std::string seen;
  second.slow_down = [&] {
    std::this_thread::sleep_for(OutputPump::kPatience);
    first_.write("line\n");
    loop_->call_after(Nanoseconds(0), [&] { seen = log_text(); });
  };
  loop_->call_after(10ms, [&] { second.write("another line\n"); });  // the beginning has been read

  EXPECT_TRUE(run_until([&] { return !seen.empty(); }));
  EXPECT_EQ(seen, "another line\none line\n");
}

}  // namespace
}  // namespace fabric::process
