#include "process/cpu_topology.h"

#include <sched.h>

#include <map>
#include <string>

#include "core/concat.h"

namespace fabric::process {

std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  for (int capacity = 1024; capacity <= 1 << 16; capacity *= 2) {  // the kernel refuses a set smaller than its own
    cpu_set_t* const set = CPU_ALLOC(static_cast<size_t>(capacity));
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(capacity));
    const bool fits = ::sched_getaffinity(0, bytes, set) == 0;
    for (int cpu = 0; fits && cpu < capacity; ++cpu) {
      if (CPU_ISSET_S(static_cast<size_t>(cpu), bytes, set)) cpus.push_back(cpu);
    }
    CPU_FREE(set);
    if (fits) break;
  }
  return cpus;
}

std::vector<Cpu> read_topology(const NodeFiles& files, const std::vector<int>& allowed) {
  const std::string devices = files.sys + "/devices/system/";
  std::map<int, int> nodes;
  for (const int node : numbers_in_list(first_line(devices + "node/online"))) {
    for (const int cpu : numbers_in_list(first_line(concat(devices, "node/node", node, "/cpulist")))) nodes[cpu] = node;
  }
  std::vector<Cpu> cpus;
  for (const int number : allowed) {
    Cpu cpu{number, number, 0};
    const std::vector<int> siblings =
        numbers_in_list(first_line(concat(devices, "cpu/cpu", number, "/topology/thread_siblings_list")));
    if (!siblings.empty()) cpu.core = siblings.front();
    if (const auto node = nodes.find(number); node != nodes.end()) cpu.numa_node = node->second;
    cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace fabric::process
