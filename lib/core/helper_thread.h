#pragma once

#include <pthread.h>

#include <csignal>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace fabric {

/// Starts `body(stop_token)` on a thread that blocks all signals, so that they arrive where they are handled, and that is
/// called `name` (at most 15 characters are shown). Make the result the last member of its owner: its destructor asks the
/// thread to stop and waits for it. `body` must not let an exception out.
template <class Body>
std::jthread start_helper_thread(const std::string& name, Body body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  // Faults stay open: a blocked one would kill the process past its crash handler.
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) sigdelset(&all, fault);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::jthread thread(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread.native_handle(), name.substr(0, 15).c_str());
  return thread;
}

}  // namespace fabric
