#include "node_probe.h"

#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <limits>
#include <optional>

#include "core/version.h"
#include "memory_group.h"
#include "process/cpu_topology.h"

namespace fabric::agent {
namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

std::string hostname() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

// "max" and what is not there are no limit.
uint64_t limit_in(const std::string& path) {
  const std::string line = first_line(path);
  uint64_t limit = kNoLimit;
  std::from_chars(line.data(), line.data() + line.size(), limit);
  return limit;
}

}  // namespace

// A limit of any group above holds too.
uint64_t cgroup_memory_limit(const NodeFiles& files) {
  uint64_t limit = kNoLimit;
  for (const MemoryGroup& group : memory_groups(files)) {
    const char* const file = group.version == 1 ? "/memory.limit_in_bytes" : "/memory.max";
    limit = std::min(limit, limit_in(group.directory + file));
  }
  return limit;
}

NodeReport read_node(const NodeFiles& files) {
  NodeReport node;
  node.hostname = hostname();
  node.fabric_version = kVersion;
  node.num_cores = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  node.affinity = process::allowed_cpus();
  node.num_numa_nodes = static_cast<int>(
      std::max<size_t>(1, process::numbers_in_list(first_line(files.sys + "/devices/system/node/has_memory")).size()));
  struct sysinfo info {};
  if (::sysinfo(&info) == 0) node.memory_bytes = uint64_t{info.totalram} * info.mem_unit;
  node.memory_bytes = std::min(node.memory_bytes, cgroup_memory_limit(files));
  return node;
}

}  // namespace fabric::agent
