#pragma once

#include <string>
#include <vector>

#include "node_probe.h"

namespace fabric::agent {

/// A control group that bounds or counts the memory of this process.
struct MemoryGroup {
  std::string name;       ///< its path within the hierarchy: "/job/step"
  std::string directory;  ///< its files
  int version = 2;        ///< of control groups
};

/// Returns the groups that may concern this process, its own first, then those above, of either version. In a container the
/// path may start above what is mounted: then only the root's directory is there.
std::vector<MemoryGroup> memory_groups(const NodeFiles& files);

}  // namespace fabric::agent
