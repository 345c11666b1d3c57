#pragma once

#include <cstdint>

#include "core/node_report.h"
#include "process/kernel_files.h"

namespace fabric::agent {

using process::first_line;
using process::NodeFiles;

/// Returns what is known of the node without asking drivers: all of NodeReport but the accelerators. Takes well under
/// a millisecond; what cannot be found keeps its default.
NodeReport read_node(const NodeFiles& files);

/// Returns the lowest memory limit of this process's control groups (v2 or v1), or UINT64_MAX where there is none.
uint64_t cgroup_memory_limit(const NodeFiles& files);

}  // namespace fabric::agent
