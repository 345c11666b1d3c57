#pragma once

#include <string_view>
#include <vector>

#include "process/kernel_files.h"

namespace fabric::process {

/// What the kernel schedules on: a core, or one of its hyper-threads.
struct Cpu {
  int number = 0;
  int core = 0;  ///< number of the core's first hyper-thread, whether that may be used or not
  int numa_node = 0;
};

/// Returns the CPUs that this process may run on, ascending.
std::vector<int> allowed_cpus();

/// Returns where the `allowed` CPUs lie, in their order. One whose place is not known is a core of its own, on node 0.
std::vector<Cpu> read_topology(const NodeFiles& files, const std::vector<int>& allowed);

}  // namespace fabric::process
