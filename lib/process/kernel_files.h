#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fabric::process {

/// Where the kernel tells about the node; tests have files of their own.
struct NodeFiles {
  std::string proc = "/proc";
  std::string sys = "/sys";
};

/// Returns the first line of a file of the kernel's; empty if it cannot be read.
std::string first_line(const std::string& path);

/// Returns the numbers that a list of the kernel as "0-3,8" names.
std::vector<int> numbers_in_list(std::string_view list);

}  // namespace fabric::process
