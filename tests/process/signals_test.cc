#include "process/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "process/event_loop.h"

namespace fabric::process {
namespace {

TEST(SignalWatcherTest, HandsSignalsToTheLoop) {
  SystemClock clock;
  const std::unique_ptr<EventLoop> loop = std::move(*EventLoop::create(clock));
  std::vector<int> seen;
  const auto watcher = SignalWatcher::create(*loop, {SIGUSR1, SIGUSR2}, [&](int number) {
    seen.push_back(number);
    if (seen.size() == 2) loop->stop();
  });
  ASSERT_TRUE(watcher.ok());

  ::kill(::getpid(), SIGUSR1);
  ::kill(::getpid(), SIGUSR2);
  loop->run();

  EXPECT_EQ(seen, (std::vector<int>{SIGUSR1, SIGUSR2}));
}

TEST(SignalsTest, LeavesOutWhatIsIgnored) {
  std::signal(SIGUSR1, SIG_IGN);
  const std::vector<int> heeded = without_ignored({SIGUSR1, SIGUSR2, SIGINT});
  std::signal(SIGUSR1, SIG_DFL);

  EXPECT_EQ(heeded, (std::vector<int>{SIGUSR2, SIGINT}));
}

TEST(SignalsTest, KnowsWhichSignalsAProcessHandles) {
  std::signal(SIGUSR2, [](int) {});
  std::signal(SIGUSR1, SIG_IGN);

  EXPECT_TRUE(catches_signal(::getpid(), SIGUSR2));
  EXPECT_FALSE(catches_signal(::getpid(), SIGUSR1)) << "ignored";
  EXPECT_FALSE(catches_signal(::getpid(), SIGWINCH)) << "default";
  EXPECT_FALSE(catches_signal(1 << 30, SIGUSR2)) << "no process";
  std::signal(SIGUSR1, SIG_DFL);
  std::signal(SIGUSR2, SIG_DFL);
}

}  // namespace
}  // namespace fabric::process
