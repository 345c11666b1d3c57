#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/node_report.h"

namespace fabric::agent {

/// Where the kernel tells about the node; tests have files of their own.
struct NodeFiles {
  std::string proc = "/proc";
  std::string sys = "/sys";
};

/// Returns what is known of the node without asking drivers: all of NodeReport but the accelerators. Takes well under
/// a millisecond; what cannot be found keeps its default.
NodeReport read_node(const NodeFiles& files);

/// Returns the lowest memory limit of this process's control groups (v2 or v1), or UINT64_MAX where there is none.
uint64_t cgroup_memory_limit(const NodeFiles& files);

/// Returns the first line of a file of the kernel's; empty if it cannot be read.
std::string first_line(const std::string& path);

/// Returns the numbers that a list of the kernel as "0-3,8" names.
std::vector<int> numbers_in_list(std::string_view list);

}  // namespace fabric::agent
