#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <vector>

#include "core/status.h"
#include "core/unique_fd.h"

namespace fabric::process {

class EventLoop;

/// Blocks `signals` for the calling thread and the threads and processes that it starts later (Child::spawn() unblocks
/// them again). Call it in main before there are threads.
Status block_signals(const std::vector<int>& signals);

/// Returns those of `signals` that this process does not ignore: what whoever started it had set to be ignored (nohup, a
/// shell's background jobs) is to stay so, and a blocked signal would come through a SignalWatcher all the same.
std::vector<int> without_ignored(const std::vector<int>& signals);

/// Returns whether the process has a handler for the signal; false if there is no such process. Reads /proc.
bool catches_signal(pid_t pid, int signal_number);

/// Hands signals to the loop through a signalfd.
class SignalWatcher {
 public:
  /// Called with the signal's number, once for any number of equal signals that arrived together.
  using Callback = std::function<void(int signal_number)>;

  /// Blocks `signals` as block_signals() does and watches for them. `loop` is borrowed and must outlive the watcher.
  static Result<std::unique_ptr<SignalWatcher>> create(EventLoop& loop, const std::vector<int>& signals,
                                                       Callback callback);
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;
  ~SignalWatcher();

 private:
  SignalWatcher(EventLoop& loop, UniqueFd fd, Callback callback)
      : loop_(loop), fd_(std::move(fd)), callback_(std::move(callback)) {}
  void take();

  EventLoop& loop_;
  UniqueFd fd_;
  Callback callback_;
};

}  // namespace fabric::process
