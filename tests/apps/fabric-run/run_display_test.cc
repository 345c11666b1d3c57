#include "run_display.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <functional>
#include <memory>
#include <optional>

#include "process/pipe.h"
#include "support/eventually.h"
#include "support/terminal.h"

namespace fabric::launcher {
namespace {

using namespace std::chrono_literals;
using fabric::testing::eventually;
using fabric::testing::Terminal;
using fabric::testing::TerminalScreen;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A display whose two streams lead to pipes, or to one terminal.
class RunDisplayTest : public ::testing::Test {
 protected:
  RunDisplayTest() : loop_(std::move(*process::EventLoop::create(clock_))) { std::signal(SIGPIPE, SIG_IGN); }

  void show_on_pipes(const DisplayOptions& options) {
    pipes_.emplace(std::move(*process::make_output_pipe()), std::move(*process::make_output_pipe()));
    start(options, pipes_->first.write_end.get(), pipes_->second.write_end.get());
  }
  void show_on_terminal(const DisplayOptions& options) {
    terminal_.emplace(kColumns, 24);
    start(options, terminal_->program_fd(), terminal_->program_fd());
  }
  void start(const DisplayOptions& options, int out, int err) {
    display_.reset();
    out_.emplace(*loop_, out);
    err_.emplace(*loop_, err);
    display_.emplace(options, *loop_, *out_, *err_);
  }
  void begin(int ranks, int64_t restarts = 0) {
    display_->show_event("generation_started",
                         {{"generation", "1.1"}, {"world_size", int64_t{ranks}}, {"restart_count", restarts}}, "{}");
  }
  void print(int rank, std::vector<std::string> lines, bool is_stderr = false) {
    display_->show_log({{1, 1}, rank, is_stderr, std::move(lines), 0});
  }
  void step(int rank, int64_t number) { display_->show_progress({{1, 1}, rank, RankPhase::kStep, 1, number, 0}); }
  /// Lets time pass, and what becomes due meanwhile happen.
  void run_for(Nanoseconds time) {
    for (const TimePoint end = clock_.now() + time; clock_.now() < end;) {
      clock_.advance(1ms);
      loop_->post([this] { loop_->call_after(0ns, [this] { loop_->stop(); }); });
      loop_->run();
      if (terminal_) bytes_ += terminal_->read();
    }
  }
  static std::string read_now(const UniqueFd& fd) {
    std::array<char, 65'536> buffer;
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    return {buffer.data(), static_cast<size_t>(std::max<ssize_t>(got, 0))};
  }
  std::string out() const { return read_now(pipes_->first.read_end); }
  std::string err() const { return read_now(pipes_->second.read_end); }
  /// Returns what comes to the terminal until it ends with `end`. What is written there arrives some time later.
  std::string read_until(const std::string& end) {
    eventually(5s, [&] {
      run_for(1ms);
      return bytes_.ends_with(end);
    });
    return std::exchange(bytes_, {});
  }
  /// Returns whether the terminal comes to show exactly these lines, with the cursor below them.
  bool comes_to_show(const std::vector<std::string>& lines) {
    return eventually(5s, [&] {
      run_for(1ms);
      screen_.feed(std::exchange(bytes_, {}));
      return screen_.lines() == lines && screen_.row() == lines.size() && screen_.column() == 0;
    });
  }

  static constexpr int kColumns = 80;
  ManualClock clock_;
  std::unique_ptr<process::EventLoop> loop_;
  std::optional<std::pair<process::Pipe, process::Pipe>> pipes_;
  std::optional<Terminal> terminal_;
  TerminalScreen screen_{kColumns};
  std::string bytes_;  // that have come to the terminal
  std::optional<OutputStream> out_;
  std::optional<OutputStream> err_;
  std::optional<RunDisplay> display_;
};

TEST_F(RunDisplayTest, ShowsALineOfAllRanksOnce) {
  show_on_pipes({});
  begin(2);

  print(0, {"epoch 1", "loss 0.5"});
  print(1, {"epoch 1"});
  EXPECT_EQ(out(), "[ranks 0,1] epoch 1\n");
  display_->finish();

  EXPECT_EQ(out(), "[rank 0] loss 0.5\n");
}

TEST_F(RunDisplayTest, HoldsALineOfOneRankNoLongerThanAMoment) {
  show_on_pipes({});
  begin(2);

  print(0, {"alone"});
  run_for(LineFolder::kWindow + 5ms);

  EXPECT_EQ(out(), "[rank 0] alone\n");
}

TEST_F(RunDisplayTest, ShowsTheLinesOfAnOnlyRankAtOnce) {
  show_on_pipes({});
  begin(1);

  print(0, {"one", "two"});
  print(0, {"oops"}, true);

  EXPECT_EQ(out(), "[rank 0] one\n[rank 0] two\n");
  EXPECT_EQ(err(), "[rank 0] oops\n");
}

TEST_F(RunDisplayTest, HoldsNothingWhereOnlyOneRankIsShown) {
  DisplayOptions options;
  options.ranks = {1};
  show_on_pipes(options);
  begin(4);

  print(0, {"hidden"});
  print(1, {"shown"});

  EXPECT_EQ(out(), "[rank 1] shown\n");
}

TEST_F(RunDisplayTest, FoldsNothingWhereToldSo) {
  DisplayOptions options;
  options.fold = false;
  show_on_pipes(options);
  begin(2);

  print(0, {"same"});
  print(1, {"same"});

  EXPECT_EQ(out(), "[rank 0] same\n[rank 1] same\n");
}

TEST_F(RunDisplayTest, ShowsWhatItHoldsBeforeANoticeAndAtARanksEnd) {
  show_on_pipes({});
  begin(2);

  print(0, {"last words"}, true);
  display_->show_notice("stopping");
  print(1, {"more"}, true);
  display_->show_event("rank_exited", {{"generation", "1.1"}, {"rank", int64_t{1}}}, "{}");

  EXPECT_EQ(err(), "[rank 0] last words\nfabric-run: stopping\n[rank 1] more\n");
}

TEST_F(RunDisplayTest, FoldsNothingOfJson) {
  DisplayOptions options;
  options.json = true;
  show_on_pipes(options);
  begin(2);

  print(0, {"same"});
  print(1, {"same"});

  EXPECT_THAT(out(), AllOf(HasSubstr(R"("rank":0,"stream":"stdout","line":"same"})"),
                           HasSubstr(R"("rank":1,"stream":"stdout","line":"same"})")));
  EXPECT_THAT(err(), IsEmpty());
}

TEST_F(RunDisplayTest, WritesNoControlSequencesToPipes) {
  show_on_pipes({});
  begin(2);
  step(0, 3);
  print(0, {"x"});
  run_for(2 * RunDisplay::kDrawInterval);
  display_->finish();

  EXPECT_EQ(out(), "[rank 0] x\n");
  EXPECT_THAT(err(), IsEmpty());
}

TEST_F(RunDisplayTest, KeepsLinesAboutTheRanksBelowTheOutput) {
  show_on_terminal({});
  begin(2);
  print(0, {"hello"});
  print(1, {"hello"});
  step(0, 5);
  run_for(2 * RunDisplay::kDrawInterval);

  EXPECT_TRUE(comes_to_show({"[ranks 0,1] hello", "rank 0  step 5", "rank 1  starting"}));
  display_->finish();

  EXPECT_TRUE(comes_to_show({"[ranks 0,1] hello"}));
  EXPECT_THAT(screen_.unknown(), IsEmpty());
}

TEST_F(RunDisplayTest, ColorsPrefixesOnATerminalOnly) {
  DisplayOptions options;
  options.live = false;
  show_on_terminal(options);
  begin(1);
  print(0, {"x"});
  EXPECT_EQ(read_until("x\r\n"), "\033[36m[rank 0]\033[0m x\r\n");

  options.color = false;
  start(options, terminal_->program_fd(), terminal_->program_fd());
  begin(1);
  print(0, {"x"});

  EXPECT_EQ(read_until("x\r\n"), "[rank 0] x\r\n");
}

TEST_F(RunDisplayTest, DrawsAtMostTenTimesASecond) {
  show_on_terminal({});
  begin(1);
  for (int i = 0; i < 100; ++i) {
    loop_->call_after(i * 5ms, [this, i] {
      step(0, i);
      print(0, {"line " + std::to_string(i)});
    });
  }
  run_for(520ms);
  display_->finish();
  display_->show_notice("end");

  const std::string bytes = read_until("end\r\n");
  size_t drawings = 0;
  for (size_t at = 0; (at = bytes.find("rank 0  ", at)) != std::string::npos; ++at) ++drawings;
  EXPECT_GE(drawings, 5u);
  EXPECT_LE(drawings, 6u);
  screen_.feed(bytes);
  const std::vector<std::string> lines = screen_.lines();
  ASSERT_EQ(lines.size(), 101u);
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(lines[i], "[rank 0] line " + std::to_string(i));
}

TEST_F(RunDisplayTest, WipesWhatANarrowerTerminalHasWrapped) {
  show_on_terminal({});
  begin(1, 1'000'000);
  print(0, {"x"});
  run_for(2 * RunDisplay::kDrawInterval);
  terminal_->resize(20, 24);  // "rank 0  starting      restart 1000000" takes two rows now

  display_->finish();

  EXPECT_THAT(read_until("\033[J"), EndsWith("1000000\r\n\r\033[2A\033[J"));
}

TEST_F(RunDisplayTest, DrawsNothingWhereStdoutGoesThroughAPipe) {
  pipes_.emplace(std::move(*process::make_output_pipe()), std::move(*process::make_output_pipe()));
  terminal_.emplace(kColumns, 24);
  start({}, pipes_->first.write_end.get(), terminal_->program_fd());
  begin(1);
  run_for(2 * RunDisplay::kDrawInterval);
  display_->show_notice("end");

  EXPECT_EQ(read_until("end\r\n"), "fabric-run: end\r\n");
}

TEST_F(RunDisplayTest, GoesOnWhenTheTerminalIsGone) {
  show_on_terminal({});
  begin(1);
  const UniqueFd program(::fcntl(terminal_->program_fd(), F_DUPFD_CLOEXEC, 0));
  start({}, program.get(), program.get());
  begin(1);
  terminal_->hang_up();

  print(0, {"x"});
  run_for(2 * RunDisplay::kDrawInterval);
  display_->finish();

  EXPECT_TRUE(err_->is_closed());
  EXPECT_TRUE(err_->failure().ok());
}

}  // namespace
}  // namespace fabric::launcher
