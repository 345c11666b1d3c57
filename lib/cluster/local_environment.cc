#include "cluster/local_environment.h"

#include <sched.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace fabric::cluster {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

/// Cores in the process's affinity; machines may have more of them than a cpu_set_t holds.
int usable_cores() {
  for (int most = 1'024; most <= 1'048'576; most *= 4) {
    cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(most));
    if (set == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(most));
    const bool known = ::sched_getaffinity(0, bytes, set) == 0;
    const bool is_too_small = !known && errno == EINVAL;
    const int count = known ? CPU_COUNT_S(bytes, set) : 1;
    CPU_FREE(set);
    if (!is_too_small) return count;
  }
  return 1;
}

}  // namespace

std::optional<std::string> LocalEnvironment::evidence(const Variables&) const { return "no scheduler was found"; }

Result<ClusterInfo> LocalEnvironment::read(const Variables&) const {
  ClusterInfo info;
  info.nodes.push_back({.name = host_name(), .address = "127.0.0.1", .slots = usable_cores()});
  return info;
}

}  // namespace fabric::cluster
