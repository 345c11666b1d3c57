#include "process/event_loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace fabric::process {
namespace {

using namespace std::chrono_literals;

class EventLoopTest : public ::testing::Test {
 protected:
  EventLoopTest() : loop_(std::move(*EventLoop::create(clock_))) {}

  struct Pipe {
    UniqueFd read_end;
    UniqueFd write_end;
  };
  static Pipe readable_pipe() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
  }

  SystemClock clock_;
  std::unique_ptr<EventLoop> loop_;
};

TEST_F(EventLoopTest, CallsPostedFunctionsInOrder) {
  std::string order;
  loop_->post([&] { order += 'a'; });
  loop_->post([&] {
    order += 'b';
    loop_->post([&] {
      order += 'c';
      loop_->stop();
    });
  });

  loop_->run();

  EXPECT_EQ(order, "abc");
}

TEST_F(EventLoopTest, TakesPostsFromOtherThreads) {
  int calls = 0;
  std::thread poster([&] {
    EXPECT_FALSE(loop_->in_loop());
    for (int i = 0; i < 1000; ++i) {
      loop_->post([&] {
        EXPECT_TRUE(loop_->in_loop());
        if (++calls == 1000) loop_->stop();
      });
    }
  });

  loop_->run();
  poster.join();

  EXPECT_EQ(calls, 1000);
}

TEST_F(EventLoopTest, ReturnsAtOnceWhenStoppedBeforeItRuns) {
  loop_->stop();
  loop_->run();

  bool called = false;
  loop_->post([&] {
    called = true;
    loop_->stop();
  });
  loop_->run();

  EXPECT_TRUE(called);
}

TEST_F(EventLoopTest, CallsTimersByTimeAndThenByAge) {
  std::string order;
  const TimePoint start = clock_.now();
  loop_->call_at(start + 2ms, [&] { order += '2'; });
  loop_->call_at(start + 3ms, [&] { loop_->stop(); });
  loop_->call_at(start + 1ms, [&] { order += '1'; });
  loop_->call_at(start + 2ms, [&] { order += '3'; });

  loop_->run();

  EXPECT_EQ(order, "123");
  EXPECT_GE(clock_.now(), start + 3ms);
}

TEST_F(EventLoopTest, DoesNotCallATimerThatAnotherOneCancels) {
  bool called = false;
  const TimePoint when = clock_.now() + 1ms;
  TimerId victim;
  loop_->call_at(when, [&] { loop_->cancel(victim); });
  victim = loop_->call_at(when, [&] { called = true; });
  loop_->call_at(when + 1ms, [&] { loop_->stop(); });

  loop_->run();

  EXPECT_FALSE(called);
}

TEST_F(EventLoopTest, KeepsServingDescriptorsWhileATimerReArmsItself) {
  const Pipe pipe = readable_pipe();
  std::function<void()> again = [&] { loop_->call_after(0ns, again); };
  again();

  ASSERT_TRUE(loop_->watch(pipe.read_end.get(), EPOLLIN, [&](uint32_t) { loop_->stop(); }).ok());
  loop_->run();
}

TEST_F(EventLoopTest, GoesByItsClock) {
  ManualClock manual;
  const std::unique_ptr<EventLoop> loop = std::move(*EventLoop::create(manual));
  bool called = false;
  loop->call_after(1h, [&] {
    called = true;
    loop->stop();
  });

  loop->post([&] { manual.advance(1h); });
  loop->run();

  EXPECT_TRUE(called);
}

TEST_F(EventLoopTest, DoesNotCallAWatchThatAnotherOneEndedInTheSameRound) {
  const Pipe first = readable_pipe();
  const Pipe second = readable_pipe();
  int calls = 0;
  const auto end_both = [&](uint32_t) {
    ++calls;
    loop_->unwatch(first.read_end.get());
    loop_->unwatch(second.read_end.get());
    loop_->call_after(1ms, [&] { loop_->stop(); });
  };
  ASSERT_TRUE(loop_->watch(first.read_end.get(), EPOLLIN, end_both).ok());
  ASSERT_TRUE(loop_->watch(second.read_end.get(), EPOLLIN, end_both).ok());

  loop_->run();

  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, TellsANewWatchFromAnOldOneOfTheSameNumber) {
  Pipe first = readable_pipe();
  const Pipe other = readable_pipe();
  const int number = first.read_end.get();
  bool stale = false;
  const auto reuse = [&](uint32_t) {
    loop_->unwatch(other.read_end.get());
    loop_->unwatch(number);
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    ASSERT_EQ(::dup2(ends[0], number), number);  // never readable
    ASSERT_TRUE(loop_->watch(number, EPOLLIN, [&](uint32_t events) { stale = (events & EPOLLIN) != 0; }).ok());
    loop_->call_after(1ms, [&] { loop_->stop(); });
  };
  ASSERT_TRUE(loop_->watch(number, EPOLLIN, reuse).ok());
  ASSERT_TRUE(loop_->watch(other.read_end.get(), EPOLLIN, reuse).ok());

  loop_->run();

  EXPECT_FALSE(stale);
}

TEST_F(EventLoopTest, ChangesWhatItWaitsFor) {
  const Pipe pipe = readable_pipe();
  uint32_t seen = 0;
  ASSERT_TRUE(loop_
                  ->watch(pipe.write_end.get(), 0,
                          [&](uint32_t events) {
                            seen = events;
                            loop_->stop();
                          })
                  .ok());
  loop_->call_after(1ms, [&] {
    EXPECT_EQ(seen, 0u);
    loop_->modify(pipe.write_end.get(), EPOLLOUT);
  });

  loop_->run();

  EXPECT_EQ(seen, static_cast<uint32_t>(EPOLLOUT));
}

TEST_F(EventLoopTest, RefusesASecondWatchAndABadDescriptor) {
  const Pipe pipe = readable_pipe();
  ASSERT_TRUE(loop_->watch(pipe.read_end.get(), EPOLLIN, [](uint32_t) {}).ok());

  EXPECT_EQ(loop_->watch(pipe.read_end.get(), EPOLLIN, [](uint32_t) {}).code(), StatusCode::kAlreadyExists);
  EXPECT_FALSE(loop_->watch(9999, EPOLLIN, [](uint32_t) {}).ok());
}

}  // namespace
}  // namespace fabric::process
