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
#include "cpu_topology.h"

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

// A limit of any group above holds too. In a container the path may start above what is mounted: then only the root is
// found.
uint64_t lowest_limit(const std::string& mount, std::string path, const std::string& file) {
  uint64_t lowest = limit_in(mount + "/" + file);
  while (path.size() > 1) {
    lowest = std::min(lowest, limit_in(mount + path + "/" + file));
    path.erase(path.rfind('/'));
  }
  return lowest;
}

}  // namespace

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::vector<int> numbers_in_list(std::string_view list) {
  std::vector<int> numbers;
  const char* at = list.data();
  const char* const end = at + list.size();
  while (at < end) {
    int first = 0;
    const auto [next, error] = std::from_chars(at, end, first);
    if (error != std::errc()) break;
    at = next;
    int last = first;
    if (at < end && *at == '-') at = std::from_chars(at + 1, end, last).ptr;
    for (int number = first; number <= last; ++number) numbers.push_back(number);
    if (at < end && *at == ',')
      ++at;
    else
      break;
  }
  return numbers;
}

uint64_t cgroup_memory_limit(const NodeFiles& files) {
  std::ifstream groups(files.proc + "/self/cgroup");
  uint64_t limit = kNoLimit;
  for (std::string line; std::getline(groups, line);) {  // "0::/path" in v2, "7:memory:/path" in v1
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) limit = std::min(limit, lowest_limit(files.sys + "/fs/cgroup", path, "memory.max"));
    if (controllers == "memory") {
      limit = std::min(limit, lowest_limit(files.sys + "/fs/cgroup/memory", path, "memory.limit_in_bytes"));
    }
  }
  return limit;
}

NodeReport read_node(const NodeFiles& files) {
  NodeReport node;
  node.hostname = hostname();
  node.fabric_version = kVersion;
  node.num_cores = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  node.affinity = allowed_cpus();
  node.num_numa_nodes = static_cast<int>(
      std::max<size_t>(1, numbers_in_list(first_line(files.sys + "/devices/system/node/has_memory")).size()));
  struct sysinfo info {};
  if (::sysinfo(&info) == 0) node.memory_bytes = uint64_t{info.totalram} * info.mem_unit;
  node.memory_bytes = std::min(node.memory_bytes, cgroup_memory_limit(files));
  return node;
}

}  // namespace fabric::agent
