#include "fabric/seed.h"

#include <ATen/Context.h>

#include <limits>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {

uint64_t seed_everything(uint64_t seed) {
  constexpr uint64_t kLargest = std::numeric_limits<uint32_t>::max();
  if (seed > kLargest) throw UsageError(concat("seed must be in [0, ", kLargest, "], but is ", seed));
  at::manual_seed(seed);
  return seed;
}

}  // namespace fabric
