#pragma once

#include <cstdint>
#include <string>

#include "node_probe.h"

namespace fabric::agent {

/// A process that dumped core.
struct DumpedProcess {
  int pid = 0;
  int signal = 0;
  std::string working_directory;  ///< empty: this process's
  int64_t start_ns = 0;           ///< wall clock; an older file is not its core
};

/// Returns the path of its core by the kernel's core_pattern, or what the kernel pipes it to and how to get at it there. Empty
/// if there is no such file.
std::string core_file_of(const DumpedProcess& process, const NodeFiles& files);

}  // namespace fabric::agent
