#include "process/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

namespace fabric::process {
namespace {

constexpr uint64_t kEventId = 0;
constexpr uint64_t kTimerId = 1;

void drain_counter(int fd) {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd, &count, sizeof count);  // nothing to read is as good
}

}  // namespace

Result<std::unique_ptr<EventLoop>> EventLoop::create(const Clock& clock) {
  std::unique_ptr<EventLoop> loop(new EventLoop(clock));
  loop->epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!loop->epoll_) return errno_status(errno, "create an epoll descriptor");
  loop->event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!loop->event_) return errno_status(errno, "create an eventfd");
  loop->timer_.reset(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!loop->timer_) return errno_status(errno, "create a timerfd");
  FABRIC_RETURN_IF_ERROR(loop->add_to_epoll(loop->event_.get(), EPOLLIN, kEventId));
  FABRIC_RETURN_IF_ERROR(loop->add_to_epoll(loop->timer_.get(), EPOLLIN, kTimerId));
  return loop;
}

void EventLoop::run() {
  owner_ = std::this_thread::get_id();
  std::array<epoll_event, 64> events{};
  while (!stop_) {
    arm_timer_fd();
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) std::abort();  // only a closed or foreign descriptor: a bug of ours
    for (int i = 0; i < count && !stop_; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      dispatch(event.data.u64, event.events);
    }
    if (!stop_) call_due_timers();
  }
  stop_ = false;
}

void EventLoop::stop() {
  stop_ = true;
  wake();
}

void EventLoop::post(Callback callback) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(callback));
    if (posted_.size() > 1) return;  // the first one's wake-up has not been answered yet
  }
  wake();
}

Status EventLoop::watch(int fd, uint32_t epoll_events, FdCallback callback) {
  if (watches_.contains(fd)) return already_exists(concat("a descriptor can be watched once, but ", fd, " is watched"));
  const uint64_t id = next_watch_id_++;
  FABRIC_RETURN_IF_ERROR(add_to_epoll(fd, epoll_events, id));
  watches_[fd] = {id, std::make_shared<const FdCallback>(std::move(callback))};
  fd_of_watch_[id] = fd;
  return ok_status();
}

void EventLoop::modify(int fd, uint32_t epoll_events) {
  const auto it = watches_.find(fd);
  if (it == watches_.end()) return;
  epoll_event event{};
  event.events = epoll_events;
  event.data.u64 = it->second.id;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::unwatch(int fd) {
  const auto it = watches_.find(fd);
  if (it == watches_.end()) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  fd_of_watch_.erase(it->second.id);
  watches_.erase(it);
}

TimerId EventLoop::call_at(TimePoint when, Callback callback) {
  const uint64_t id = next_timer_id_++;
  timers_.emplace(TimerKey(when, id), std::move(callback));
  due_of_timer_[id] = when;
  return {id};
}

TimerId EventLoop::call_after(Nanoseconds delay, Callback callback) {
  return call_at(clock_.now() + delay, std::move(callback));
}

void EventLoop::cancel(TimerId timer) {
  const auto it = due_of_timer_.find(timer.value);
  if (it == due_of_timer_.end()) return;
  timers_.erase(TimerKey(it->second, timer.value));
  due_of_timer_.erase(it);
}

Status EventLoop::add_to_epoll(int fd, uint32_t epoll_events, uint64_t id) {
  epoll_event event{};
  event.events = epoll_events;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return ok_status();
  return errno_status(errno, concat("watch descriptor ", fd));
}

void EventLoop::wake() const {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);  // full: it is awake anyway
}

// A timerfd of CLOCK_BOOTTIME and not a timeout of epoll: those stand still while the machine sleeps, and leases do not.
void EventLoop::arm_timer_fd() {
  itimerspec spec{};
  if (!timers_.empty()) {
    const int64_t left = std::max<int64_t>(1, (timers_.begin()->first.first - clock_.now()).count());
    spec.it_value.tv_sec = static_cast<time_t>(left / 1'000'000'000);
    spec.it_value.tv_nsec = static_cast<long>(left % 1'000'000'000);
  }
  ::timerfd_settime(timer_.get(), 0, &spec, nullptr);
}

void EventLoop::dispatch(uint64_t id, uint32_t epoll_events) {
  if (id == kTimerId) {
    drain_counter(timer_.get());
    return;
  }
  if (id == kEventId) {
    drain_counter(event_.get());
    call_posted();
    return;
  }
  const auto it = fd_of_watch_.find(id);
  if (it == fd_of_watch_.end()) return;  // unwatched by an earlier callback of this round
  const std::shared_ptr<const FdCallback> callback = watches_.at(it->second).callback;
  (*callback)(epoll_events);
}

void EventLoop::call_posted() {
  std::vector<Callback> callbacks;
  {
    const std::lock_guard lock(posted_mutex_);
    callbacks.swap(posted_);
  }
  for (const Callback& callback : callbacks) callback();
}

void EventLoop::call_due_timers() {
  const TimePoint now = clock_.now();
  const uint64_t first_new_id = next_timer_id_;  // those that callbacks add wait for the next round
  while (!timers_.empty() && !stop_) {
    const auto first = timers_.begin();
    if (first->first.first > now || first->first.second >= first_new_id) return;
    const Callback callback = std::move(first->second);
    due_of_timer_.erase(first->first.second);
    timers_.erase(first);
    callback();
  }
}

}  // namespace fabric::process
