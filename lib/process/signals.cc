#include "process/signals.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <string>

#include "process/event_loop.h"

namespace fabric::process {
namespace {

sigset_t set_of(const std::vector<int>& signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : signals) sigaddset(&set, number);
  return set;
}

}  // namespace

Status block_signals(const std::vector<int>& signals) {
  const sigset_t set = set_of(signals);
  const int error_number = ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return error_number == 0 ? ok_status() : errno_status(error_number, "block signals");
}

std::vector<int> without_ignored(const std::vector<int>& signals) {
  std::vector<int> heeded;
  for (const int number : signals) {
    struct sigaction action {};
    const bool is_ignored = ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
    if (!is_ignored) heeded.push_back(number);
  }
  return heeded;
}

bool catches_signal(pid_t pid, int signal_number) {
  std::ifstream status(concat("/proc/", pid, "/status"));
  for (std::string word; status >> word;) {
    if (word != "SigCgt:") continue;
    uint64_t caught = 0;
    status >> std::hex >> caught;
    return (caught >> (signal_number - 1) & 1) != 0;
  }
  return false;
}

Result<std::unique_ptr<SignalWatcher>> SignalWatcher::create(EventLoop& loop, const std::vector<int>& signals,
                                                             Callback callback) {
  FABRIC_RETURN_IF_ERROR(block_signals(signals));
  const sigset_t set = set_of(signals);
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return errno_status(errno, "create a signalfd");
  std::unique_ptr<SignalWatcher> watcher(new SignalWatcher(loop, std::move(fd), std::move(callback)));
  FABRIC_RETURN_IF_ERROR(loop.watch(watcher->fd_.get(), EPOLLIN, [self = watcher.get()](uint32_t) { self->take(); }));
  return watcher;
}

SignalWatcher::~SignalWatcher() { loop_.unwatch(fd_.get()); }

void SignalWatcher::take() {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return;
  callback_(static_cast<int>(info.ssi_signo));
}

}  // namespace fabric::process
