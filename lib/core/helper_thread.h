#pragma once

#include <pthread.h>

#include <csignal>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace fabric {

/// Blocks all signals in this thread, as long as it lives. Faults stay open: a blocked one would kill the process past its crash
/// handler.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_{};
};

/// Starts `body(stop_token)` on a thread that blocks all signals, so that they arrive where they are handled, and that is
/// called `name` (at most 15 characters are shown). Make the result the last member of its owner: its destructor asks the
/// thread to stop and waits for it. `body` must not let an exception out.
/// Throws std::system_error if there may be no more threads.
template <class Body>
std::jthread start_helper_thread(const std::string& name, Body body) {
  std::jthread thread;
  {
    const BlockedSignals blocked;  // the thread inherits them
    thread = std::jthread(std::move(body));
  }
  pthread_setname_np(thread.native_handle(), name.substr(0, 15).c_str());
  return thread;
}

}  // namespace fabric
