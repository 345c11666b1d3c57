#include "process/child.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "core/exit_report.h"
#include "process/event_loop.h"
#include "process/pidfd.h"
#include "process/spawn.h"

namespace fabric::process {
namespace {

constexpr Nanoseconds kKillTimeout = std::chrono::seconds(2);

}  // namespace

std::string describe(ChildExit exit) {
  if (exit.signal != 0) return "was killed by " + signal_name(exit.signal);
  return "ended with exit code " + std::to_string(exit.exit_code);
}

Result<std::unique_ptr<Child>> Child::spawn(const ChildOptions& options) {
  FABRIC_ASSIGN_OR_RETURN(SpawnedProcess spawned, spawn_process(options));
  Result<UniqueFd> pidfd = open_pidfd(spawned.pid);
  if (!pidfd.ok()) {
    ::kill(-spawned.pid, SIGKILL);
    ::waitpid(spawned.pid, nullptr, 0);
    return pidfd.status();
  }
  std::unique_ptr<Child> child(new Child(spawned.pid, std::move(*pidfd)));
  child->stdout_ = std::move(spawned.stdout_pipe);
  child->stderr_ = std::move(spawned.stderr_pipe);
  return child;
}

Result<std::unique_ptr<Child>> Child::adopt(int pid) {
  FABRIC_ASSIGN_OR_RETURN(UniqueFd pidfd, open_pidfd(pid));
  return std::unique_ptr<Child>(new Child(pid, std::move(pidfd)));
}

Child::~Child() {
  if (loop_ != nullptr) loop_->unwatch(pidfd_.get());
  if (reaped_) return;
  signal_group(SIGKILL);
  if (wait_for_exit(kKillTimeout)) reap();
}

bool Child::wait_for_exit(Nanoseconds bound) const {
  pollfd poll_fd{pidfd_.get(), POLLIN, 0};
  const auto bound_ms = std::chrono::duration_cast<std::chrono::milliseconds>(bound).count();
  int ready = 0;
  do {
    ready = ::poll(&poll_fd, 1, static_cast<int>(bound_ms));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

Status Child::watch(EventLoop& loop, ExitCallback callback) {
  FABRIC_RETURN_IF_ERROR(loop.watch(pidfd_.get(), EPOLLIN, [this, callback = std::move(callback)](uint32_t) {
    loop_->unwatch(pidfd_.get());
    loop_ = nullptr;
    callback(reap());
  }));
  loop_ = &loop;
  return ok_status();
}

void Child::signal_group(int signal_number) {
  if (!reaped_) ::kill(-pid_, signal_number);
}

void Child::signal(int signal_number) {
  if (!reaped_) ::kill(pid_, signal_number);
}

// The group is killed before its leader is reaped: until then nobody else can have its number.
ChildExit Child::reap() {
  signal_group(SIGKILL);
  siginfo_t info{};
  int result = 0;
  do {
    result = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED);
  } while (result != 0 && errno == EINTR);
  reaped_ = true;
  if (result != 0) return {.exit_code = 255};  // somebody else has reaped it: its status is lost
  if (info.si_code == CLD_EXITED) return {.exit_code = info.si_status};
  return {.signal = info.si_status, .core_dumped = info.si_code == CLD_DUMPED};
}

}  // namespace fabric::process
