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

}  // namespace
}  // namespace fabric::process
