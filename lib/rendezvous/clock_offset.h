#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "core/clock.h"

namespace fabric::rendezvous {

/// How far an agent's CLOCK_BOOTTIME is behind the coordinator's. Each message that says when it was sent shows that plus the
/// time that it took, so the least of them is nearest; old ones are forgotten, because clocks drift.
class ClockOffset {
 public:
  /// Takes a message that was sent at `sent_ns` of the agent's clock, or later.
  void observe(TimePoint received, int64_t sent_ns) {
    if (seen_ == kWindow) {
      previous_ = least_;
      least_ = Nanoseconds::max();
      seen_ = 0;
    }
    ++seen_;
    least_ = std::min(least_, received.since_boot - Nanoseconds(sent_ns));
  }
  /// Returns what to add to the agent's clock to get the coordinator's; 0 before the first message.
  Nanoseconds estimate() const { return seen_ == 0 ? Nanoseconds(0) : std::min(least_, previous_); }

 private:
  static constexpr int kWindow = 256;  // messages; at least this many of the latest count, at most twice as many

  Nanoseconds least_ = Nanoseconds::max();
  Nanoseconds previous_ = Nanoseconds::max();
  int seen_ = 0;
};

}  // namespace fabric::rendezvous
