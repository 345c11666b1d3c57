#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "node_probe.h"

namespace fabric::agent {

/// How many processes the kernel's memory killer has ended so far, by the counters that this process can see.
struct MemoryKills {
  struct Counter {
    std::string where;  ///< "cgroup /job/step", "this machine"
    uint64_t count = 0;
  };
  std::vector<Counter> groups;  ///< the own one first, then those above
  Counter machine;
};

/// Reads the counters: memory.events or memory.oom_control of the control groups, and /proc/vmstat.
MemoryKills read_memory_kills(const NodeFiles& files);

/// Returns what shows that the memory killer struck between two readings, for people; empty if nothing does. The counter of
/// the whole machine shows something of a process only if that `was_killed`.
std::string new_memory_kills(const MemoryKills& before, const MemoryKills& after, const NodeFiles& files,
                             bool was_killed);

}  // namespace fabric::agent
