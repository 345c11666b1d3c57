#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace fabric::testing {

/// Returns whether `predicate` came to hold within `deadline`; asks every millisecond, so that a test waits as long as it
/// must and no longer.
inline bool eventually(std::chrono::milliseconds deadline, const std::function<bool()>& predicate) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!predicate()) {
    if (std::chrono::steady_clock::now() >= end) return predicate();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace fabric::testing
