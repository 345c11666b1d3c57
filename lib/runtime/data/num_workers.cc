#include "fabric/num_workers.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {
namespace {

int usable_processors() {
  // A machine may have more processors than a cpu_set_t has bits; the kernel refuses sets that are too small for it.
  for (int most = CPU_SETSIZE; most <= 1 << 20; most *= 2) {
    cpu_set_t* const set = CPU_ALLOC(static_cast<size_t>(most));
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(most));
    const int rc = sched_getaffinity(0, bytes, set);
    const int error = errno;
    const int count = rc == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (rc == 0) return count;
    if (error != EINVAL) break;
  }
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace

int suggested_max_num_workers(int local_world_size) {
  if (local_world_size < 1) {
    throw UsageError(concat("local_world_size must be at least 1, but is ", local_world_size));
  }
  return std::max(1, usable_processors() / local_world_size - 1);
}

}  // namespace fabric
