#pragma once

#include <cstdlib>

namespace fabric::testing {

/// Returns how often a test repeats what must always go well: `few` times, or what FABRIC_REPEATS says (scripts/soak).
inline int repeats(int few) {
  const char* const text = std::getenv("FABRIC_REPEATS");
  return text != nullptr ? std::atoi(text) : few;
}

}  // namespace fabric::testing
