// fabric-run --wrap: ranks that a tool runs, on a terminal and without one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <fstream>

#include "support/fabric_run.h"

namespace fabric::launcher {
namespace {

using namespace std::chrono_literals;
using fabric::testing::JobResult;
using fabric::testing::run_job;
using fabric::testing::TemporaryDirectory;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string job_of(const std::string& mode) {
  return std::string("name: test\nprogram: ") + FABRIC_NOTED_PROGRAM +
         "\nfabric: {accelerator: cpu, devices: 2}\nelastic: {max_restarts: 3}\nenv: {PROGRAM_MODE: " + mode + "}\n";
}

/// A shell that runs `script` on a terminal of its own.
class Terminal {
 public:
  Terminal(const TemporaryDirectory& directory, const std::string& script) {
    pid_ = ::forkpty(&fd_, nullptr, nullptr, nullptr);
    EXPECT_NE(pid_, -1) << "there must be a terminal to open";
    if (pid_ != 0) return;
    if (::chdir(directory.path().c_str()) == 0) ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
    ::_exit(127);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(fd_);
  }

  void type(const std::string& keys) const {
    EXPECT_EQ(::write(fd_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  /// Waits until the screen shows `text`, or for the end; returns whether it does.
  bool shows(const std::string& text) {
    while (screen_.find(text) == std::string::npos && read_more()) {
    }
    return screen_.find(text) != std::string::npos;
  }
  /// Waits for the end; returns the shell's exit code.
  int wait() {
    while (read_more()) {
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  const std::string& screen() const { return screen_; }

 private:
  bool read_more() {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, std::chrono::milliseconds(30s).count()) != 1) {
      if (pid_ > 0) ::kill(pid_, SIGKILL);  // it waits for what does not come
      return false;
    }
    std::array<char, 4096> bytes;
    const ssize_t got = ::read(fd_, bytes.data(), bytes.size());
    if (got > 0) screen_.append(bytes.data(), static_cast<size_t>(got));
    return got > 0;
  }

  int fd_ = -1;
  pid_t pid_ = -1;
  std::string screen_;
};

class WrappedRunTest : public ::testing::Test {
 protected:
  JobResult run(const std::string& mode, const std::vector<std::string>& flags) {
    return run_job(directory_, job_of(mode), flags);
  }
  /// Writes a job, and a tool that does as `script` says and then becomes the rank; returns the command that wraps rank 1.
  std::string wrapped_on_terminal(const std::string& mode, const std::string& script) {
    std::ofstream(directory_.file("job.yaml")) << job_of(mode);
    std::ofstream(directory_.file("tool")) << script << "\nexec \"$@\"\n";
    return std::string(FABRIC_BIN_DIR) + "/fabric-run job.yaml --no-color --wrap 'sh tool' --ranks 1";
  }
  TemporaryDirectory directory_;
};

TEST_F(WrappedRunTest, RunsTheRanksThatItNamesByTheTool) {
  const JobResult result = run("train", {"--wrap", "sh -c 'echo wrapped; exec \"$@\"' sh", "--ranks", "1"});

  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.out, AllOf(HasSubstr("[rank 1] wrapped\n"), HasSubstr("[rank 1] trained\n"),
                                HasSubstr("[rank 0] trained\n"), Not(HasSubstr("[rank 0] wrapped"))));
  EXPECT_THAT(result.err,
              HasSubstr("'sh' runs rank 1: ranks wait for each other without limit, and none is started again"));
}

TEST_F(WrappedRunTest, RunsAllRanksByTheToolUnlessSomeAreNamed) {
  const JobResult result = run("train", {"--wrap", "env"});

  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("'env' runs all ranks"));
}

TEST_F(WrappedRunTest, StartsNoRankAgain) {
  const JobResult result = run("exit3", {"--wrap", "env", "--ranks", "0,1"});

  EXPECT_EQ(result.exit_code, 3) << result.describe();
  EXPECT_EQ(result.report.at("restarts"), 0);
  EXPECT_EQ(result.report.at("generations"), 1);
}

TEST_F(WrappedRunTest, RefusesRanksThatTheJobDoesNotHave) {
  const JobResult result = run("train", {"--wrap", "env", "--ranks", "1-2"});

  EXPECT_EQ(result.exit_code, 2) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("--ranks must name ranks of the job, which are 0 to 1, but names 2"));
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "runs"));
}

TEST_F(WrappedRunTest, NamesAToolThatIsNotThere) {
  const JobResult result = run("train", {"--wrap", "no-such-debugger --args", "--ranks", "1"});

  EXPECT_EQ(result.exit_code, 1) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("must be a program in PATH, but 'no-such-debugger' is none; install it"));
}

TEST_F(WrappedRunTest, GivesItsTerminalToTheOneRankThatIsWrappedAndTakesItBack) {
  const std::string command =
      wrapped_on_terminal("train", "test -t 1 && test -t 2 && read line && echo \"tool: $line\"");

  Terminal terminal(directory_, command + "; code=$?; read line; echo \"shell: $line\"; exit $code");
  terminal.type("one\ntwo\n");

  EXPECT_EQ(terminal.wait(), 0) << terminal.screen();
  EXPECT_THAT(terminal.screen(), AllOf(HasSubstr("tool: one"), HasSubstr("shell: two"), HasSubstr("[rank 0] trained")));
}

TEST_F(WrappedRunTest, SetsTheTerminalAsItWasWhenTheToolDiesOverIt) {
  const std::string command = wrapped_on_terminal("train", "stty -echo -icanon; kill -KILL $$");

  Terminal terminal(directory_, "stty -a >before; " + command + "; stty -a >after; cmp before after");

  EXPECT_EQ(terminal.wait(), 0) << terminal.screen();
  EXPECT_THAT(terminal.screen(), HasSubstr("rank 1"));
}

TEST_F(WrappedRunTest, LeavesTheInterruptOfTheTerminalToTheTool) {
  const std::string command = wrapped_on_terminal("train", "trap 'echo interrupted' INT; echo waiting; read line");
  Terminal terminal(directory_, command);
  ASSERT_TRUE(terminal.shows("waiting")) << terminal.screen();

  terminal.type("\x03");
  ASSERT_TRUE(terminal.shows("interrupted")) << terminal.screen();
  terminal.type("go on\n");

  EXPECT_EQ(terminal.wait(), 0) << terminal.screen();
  EXPECT_THAT(terminal.screen(), AllOf(HasSubstr("trained"), Not(HasSubstr("stopping"))));
}

}  // namespace
}  // namespace fabric::launcher
