#pragma once

#include <cstdint>

#include "fabric/export.h"

namespace fabric {

/// Seeds LibTorch's default generators of all devices, and returns the seed. Only this process: every rank calls it, with the
/// same seed unless ranks are to draw different numbers.
///
/// Throws UsageError unless `seed` is at most 4294967295, the largest that Python's Fabric takes.
FABRIC_API uint64_t seed_everything(uint64_t seed);

}  // namespace fabric
