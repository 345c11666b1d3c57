#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fabric/export.h"

namespace fabric {

/// Seeds LibTorch's default generators of all devices, and returns the seed. Only this process: every rank calls it, with the
/// same seed unless ranks are to draw different numbers.
///
/// Throws UsageError unless `seed` is at most 4294967295, the largest that Python's Fabric takes.
FABRIC_API uint64_t seed_everything(uint64_t seed);

/// Returns `count` seeds for worker `worker` of rank `global_rank`: those that Python's Fabric gives its worker processes for the
/// same `base_seed`. Neighbouring workers and ranks get unrelated seeds.
///
/// Throws UsageError unless `worker` and `global_rank` are at least 0.
FABRIC_API std::vector<uint64_t> generate_seed_sequence(uint64_t base_seed, int worker, int global_rank, size_t count);

}  // namespace fabric
