#include "node_probe.h"

#include <sched.h>
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

namespace fabric::agent {
namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

std::string hostname() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

std::vector<int> affinity() {
  std::vector<int> cores;
  for (int capacity = 1024; capacity <= 1 << 16; capacity *= 2) {  // the kernel refuses a set smaller than its own
    cpu_set_t* const set = CPU_ALLOC(static_cast<size_t>(capacity));
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(capacity));
    const bool fits = ::sched_getaffinity(0, bytes, set) == 0;
    for (int core = 0; fits && core < capacity; ++core) {
      if (CPU_ISSET_S(static_cast<size_t>(core), bytes, set)) cores.push_back(core);
    }
    CPU_FREE(set);
    if (fits) break;
  }
  return cores;
}

// "max" and what is not there are no limit.
uint64_t limit_in(const std::string& path) {
  const std::string line = first_line(path);
  uint64_t limit = kNoLimit;
  std::from_chars(line.data(), line.data() + line.size(), limit);
  return limit;
}

}  // namespace

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

int count_in_list(std::string_view list) {
  int count = 0;
  const char* at = list.data();
  const char* const end = at + list.size();
  while (at < end) {
    int first = 0;
    const auto [next, error] = std::from_chars(at, end, first);
    if (error != std::errc()) break;
    at = next;
    int last = first;
    if (at < end && *at == '-') at = std::from_chars(at + 1, end, last).ptr;
    count += last - first + 1;
    if (at < end && *at == ',')
      ++at;
    else
      break;
  }
  return count;
}

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
  node.affinity = affinity();
  node.num_numa_nodes = std::max(1, count_in_list(first_line(files.sys + "/devices/system/node/has_memory")));
  struct sysinfo info {};
  if (::sysinfo(&info) == 0) node.memory_bytes = uint64_t{info.totalram} * info.mem_unit;
  node.memory_bytes = std::min(node.memory_bytes, cgroup_memory_limit(files));
  return node;
}

}  // namespace fabric::agent
