#include "memory_killer.h"

#include <fstream>
#include <limits>

#include "core/concat.h"
#include "memory_group.h"

namespace fabric::agent {
namespace {

/// Returns the number that follows `name` in a file of lines "name number"; 0 if there is none.
uint64_t number_called(const std::string& name, const std::string& path) {
  std::ifstream file(path);
  std::string word;
  for (uint64_t number = 0; file >> word >> number;) {
    if (word == name) return number;
  }
  return 0;
}

/// Returns the growth of a counter; one that was not there before had no count.
uint64_t growth(const std::vector<MemoryKills::Counter>& before, const MemoryKills::Counter& after) {
  for (const MemoryKills::Counter& counter : before) {
    if (counter.where == after.where) return after.count > counter.count ? after.count - counter.count : 0;
  }
  return after.count;
}

std::string describe(uint64_t count, const std::string& where) {
  return concat("the kernel's memory killer ended ", count, count == 1 ? " process" : " processes", " of ", where);
}

}  // namespace

MemoryKills read_memory_kills(const NodeFiles& files) {
  MemoryKills kills;
  for (const MemoryGroup& group : memory_groups(files)) {
    const char* const file = group.version == 1 ? "/memory.oom_control" : "/memory.events";
    kills.groups.push_back({"cgroup " + group.name, number_called("oom_kill", group.directory + file)});
  }
  kills.machine = {"this machine", number_called("oom_kill", files.proc + "/vmstat")};
  return kills;
}

std::string new_memory_kills(const MemoryKills& before, const MemoryKills& after, const NodeFiles& files,
                             bool was_killed) {
  for (const MemoryKills::Counter& group : after.groups) {
    const uint64_t count = growth(before.groups, group);
    if (count == 0) continue;
    const uint64_t limit = cgroup_memory_limit(files);
    const bool has_limit = limit != std::numeric_limits<uint64_t>::max();
    return describe(count, group.where) + (has_limit ? concat(" (limit ", limit >> 20, " MiB)") : "");
  }
  const uint64_t count = growth({before.machine}, after.machine);
  return was_killed && count > 0 ? describe(count, after.machine.where) : "";
}

}  // namespace fabric::agent
