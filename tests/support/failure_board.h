#pragma once

#include <cstdint>

namespace fabric::testing {

/// When the two ranks of tests/workers/together.cc failed in each generation, in a file that they map. CLOCK_BOOTTIME, 0: did not.
struct FailureBoard {
  static constexpr int kMaxRounds = 64;
  int64_t num_rounds = 0;
  int64_t failed_at[kMaxRounds][2] = {};
};

}  // namespace fabric::testing
