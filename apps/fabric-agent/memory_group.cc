#include "memory_group.h"

#include <fstream>

namespace fabric::agent {
namespace {

void add_with_parents(std::vector<MemoryGroup>& groups, const std::string& mount, std::string path, int version) {
  while (path.size() > 1) {
    groups.push_back({path, mount + path, version});
    path.erase(path.rfind('/'));
  }
  groups.push_back({"/", mount, version});
}

}  // namespace

std::vector<MemoryGroup> memory_groups(const NodeFiles& files) {
  std::ifstream list(files.proc + "/self/cgroup");
  std::vector<MemoryGroup> groups;
  for (std::string line; std::getline(list, line);) {  // "0::/path" in v2, "7:memory:/path" in v1
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) add_with_parents(groups, files.sys + "/fs/cgroup", path, 2);
    if (controllers == "memory") add_with_parents(groups, files.sys + "/fs/cgroup/memory", path, 1);
  }
  return groups;
}

}  // namespace fabric::agent
