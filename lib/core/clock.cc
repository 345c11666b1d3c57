#include "core/clock.h"

#include <ctime>

namespace fabric {
namespace {

int64_t read_clock(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

TimePoint SystemClock::now() const { return {Nanoseconds(read_clock(CLOCK_BOOTTIME))}; }
int64_t SystemClock::wall_ns() const { return read_clock(CLOCK_REALTIME); }

}  // namespace fabric
