#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/status.h"
#include "core/unique_fd.h"

namespace fabric::process {

/// Names a timer of one loop. Never re-used; the default value names none.
struct TimerId {
  uint64_t value = 0;
  auto operator<=>(const TimerId&) const = default;
};

/// Waits for file descriptors, timers and posted functions, and calls back, all on one thread: the one that created the
/// loop, and from run() on the one that runs it. Only post(), stop() and in_loop() may be called by other threads.
///
/// A callback may do anything to the loop, itself included: what it unwatches or cancels is not called any more, not even
/// if it was due in the same round.
class EventLoop {
 public:
  using FdCallback = std::function<void(uint32_t epoll_events)>;
  using Callback = std::function<void()>;

  /// Makes a loop. `clock` is borrowed; timers are due by it (a ManualClock's timers when something wakes the loop).
  /// Fails only where the process is out of descriptors or memory.
  static Result<std::unique_ptr<EventLoop>> create(const Clock& clock);
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop() = default;

  /// Calls back until stop(). May be run again afterwards.
  void run();
  /// Makes run() return once the callbacks that it is in have returned; the next run() if none is running now. Any thread.
  void stop();
  /// Calls `callback` on the loop soon, in the order of posting. Any thread.
  void post(Callback callback);
  /// Returns whether the caller is on the loop's thread. Any thread.
  bool in_loop() const { return std::this_thread::get_id() == owner_.load(std::memory_order_relaxed); }

  /// Calls `callback` with what of `epoll_events` (EPOLLIN, EPOLLOUT, ...; EPOLLHUP and EPOLLERR always) holds for `fd`,
  /// level-triggered. `fd` is borrowed: unwatch it before it is closed. kAlreadyExists if it is watched, kUnknown for a
  /// regular file.
  Status watch(int fd, uint32_t epoll_events, FdCallback callback);
  /// Changes what is waited for on `fd`, which must be watched.
  void modify(int fd, uint32_t epoll_events);
  /// Forgets `fd`; nothing happens if it is not watched.
  void unwatch(int fd);

  /// Calls `callback` once, when the clock has reached `when`; later if the loop is busy.
  TimerId call_at(TimePoint when, Callback callback);
  /// Calls `callback` once, `delay` from now.
  TimerId call_after(Nanoseconds delay, Callback callback);
  /// Forgets a timer; nothing happens if it has been called or cancelled, or is the default TimerId.
  void cancel(TimerId timer);

  const Clock& clock() const { return clock_; }

 private:
  struct Watch {
    uint64_t id = 0;
    std::shared_ptr<const FdCallback> callback;  // shared with the call that may be unwatching it
  };
  using TimerKey = std::pair<TimePoint, uint64_t>;

  explicit EventLoop(const Clock& clock) : clock_(clock), owner_(std::this_thread::get_id()) {}
  Status add_to_epoll(int fd, uint32_t epoll_events, uint64_t id);
  void wake() const;
  void arm_timer_fd();
  void dispatch(uint64_t id, uint32_t epoll_events);
  void call_posted();
  void call_due_timers();

  const Clock& clock_;
  std::atomic<std::thread::id> owner_;
  std::atomic<bool> stop_{false};
  UniqueFd epoll_;
  UniqueFd event_;
  UniqueFd timer_;
  uint64_t next_watch_id_ = 2;  // 0 and 1 are the eventfd and the timerfd
  std::unordered_map<int, Watch> watches_;
  std::unordered_map<uint64_t, int> fd_of_watch_;
  uint64_t next_timer_id_ = 1;
  std::map<TimerKey, Callback> timers_;
  std::unordered_map<uint64_t, TimePoint> due_of_timer_;
  std::mutex posted_mutex_;
  std::vector<Callback> posted_;
};

}  // namespace fabric::process
