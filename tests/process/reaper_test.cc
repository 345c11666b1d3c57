#include "process/reaper.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "support/eventually.h"

namespace fabric::process {
namespace {

using namespace std::chrono_literals;

// Forks a child that waits for a signal; `depth` more processes hang under it, each in a session of its own.
pid_t fork_chain(int depth, int report_fd) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::setsid();
  ::signal(SIGTERM, SIG_IGN);
  if (depth > 0) fork_chain(depth - 1, report_fd);
  const pid_t self = ::getpid();
  [[maybe_unused]] const ssize_t written = ::write(report_fd, &self, sizeof self);
  for (;;) ::pause();
}

std::vector<pid_t> read_pids(int fd, size_t count) {
  std::vector<pid_t> pids(count);
  for (pid_t& pid : pids) EXPECT_EQ(::read(fd, &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  return pids;
}

class ReaperTest : public ::testing::Test {
 protected:
  ReaperTest() {
    EXPECT_TRUE(become_subreaper().ok());
    EXPECT_EQ(::pipe(ends_), 0);
  }
  ~ReaperTest() override {
    kill_all_descendants(5s, clock_);
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

  SystemClock clock_;
  int ends_[2];
};

TEST_F(ReaperTest, LeavesNoDescendantInWhateverSession) {
  fork_chain(5, ends_[1]);
  fork_chain(0, ends_[1]);
  const std::vector<pid_t> pids = read_pids(ends_[0], 7);

  EXPECT_TRUE(kill_all_descendants(5s, clock_));

  for (const pid_t pid : pids) EXPECT_EQ(::kill(pid, 0), -1) << pid;
  EXPECT_TRUE(children().empty());
}

TEST_F(ReaperTest, AdoptsWhatAChildLeaves) {
  const pid_t child = fork_chain(1, ends_[1]);
  std::vector<pid_t> pids = read_pids(ends_[0], 2);
  std::erase(pids, child);

  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);

  EXPECT_EQ(children(), pids);
}

TEST_F(ReaperTest, KillsAllButThoseToKeep) {
  const pid_t kept = fork_chain(0, ends_[1]);
  fork_chain(2, ends_[1]);
  read_pids(ends_[0], 4);

  EXPECT_TRUE(testing::eventually(5s, [&] { return kill_children_except({&kept, 1}) == 0; }));

  EXPECT_EQ(children(), std::vector<pid_t>{kept});
  EXPECT_EQ(::kill(kept, 0), 0);
}

TEST_F(ReaperTest, ReapsOnlyWhatHasEndedAndIsNotKept) {
  const pid_t kept = ::fork();
  if (kept == 0) ::_exit(3);
  const pid_t other = ::fork();
  if (other == 0) ::_exit(4);
  const pid_t running = fork_chain(0, ends_[1]);

  EXPECT_TRUE(testing::eventually(5s, [&] {
    reap_children_except({&kept, 1});
    const std::vector<pid_t> left = children();
    return left.size() == 2 && std::find(left.begin(), left.end(), other) == left.end();
  }));

  int status = 0;
  EXPECT_EQ(::waitpid(kept, &status, 0), kept);
  EXPECT_EQ(WEXITSTATUS(status), 3);
  EXPECT_EQ(::kill(running, 0), 0);
}

}  // namespace
}  // namespace fabric::process
