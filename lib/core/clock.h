#pragma once

#include <chrono>
#include <cstdint>

namespace fabric {

/// A point in time on CLOCK_BOOTTIME: steady, and it goes on while the machine sleeps, as leases need.
using Nanoseconds = std::chrono::nanoseconds;
struct TimePoint {
  Nanoseconds since_boot{0};
  auto operator<=>(const TimePoint&) const = default;
};
inline TimePoint operator+(TimePoint t, Nanoseconds d) { return {t.since_boot + d}; }
inline TimePoint operator-(TimePoint t, Nanoseconds d) { return {t.since_boot - d}; }
inline Nanoseconds operator-(TimePoint a, TimePoint b) { return a.since_boot - b.since_boot; }

/// Returns whole milliseconds, the rest cut off.
constexpr int64_t to_ms(Nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

/// Source of time. Code that needs the time takes a `Clock&`; only `main` makes a SystemClock.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  /// Returns nanoseconds since the Unix epoch, for people and events only, never for a deadline.
  virtual int64_t wall_ns() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  TimePoint now() const override;
  int64_t wall_ns() const override;
};

/// A clock that stands still until a test moves it.
class ManualClock final : public Clock {
 public:
  TimePoint now() const override { return now_; }
  int64_t wall_ns() const override { return now_.since_boot.count(); }
  void advance(Nanoseconds by) { now_ = now_ + by; }

 private:
  TimePoint now_{std::chrono::hours(1)};
};

}  // namespace fabric
