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

std::vector<uint64_t> generate_seed_sequence(uint64_t base_seed, int worker, int global_rank, size_t count) {
  if (worker < 0 || global_rank < 0) {
    throw UsageError(
        concat("a worker's number and its rank must be at least 0, but are ", worker, " and ", global_rank));
  }
  // Python shifts the whole number, which has up to 95 bits, once before it cuts it to 64.
  const unsigned __int128 place = (static_cast<unsigned __int128>(base_seed) << 32) |
                                  (static_cast<unsigned __int128>(worker) << 16) |
                                  static_cast<unsigned __int128>(global_rank);
  auto state = static_cast<uint64_t>(place ^ (place >> 33));  // the finaliser of MurmurHash3
  state *= 0xff51afd7ed558ccd;
  state ^= state >> 33;
  state *= 0xc4ceb9fe1a85ec53;
  state ^= state >> 33;
  std::vector<uint64_t> seeds(count);
  for (uint64_t& seed : seeds) seed = state = state * 6364136223846793005 + 1;
  return seeds;
}

}  // namespace fabric
