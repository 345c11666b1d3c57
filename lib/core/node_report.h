#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fabric {

/// One accelerator as its driver reports it.
struct AcceleratorReport {
  std::string kind;  ///< "cuda"
  int index = 0;     ///< the driver's number, before CUDA_VISIBLE_DEVICES is applied by ranks
  std::string name;  ///< "NVIDIA H100 80GB HBM3"
  uint64_t memory_bytes = 0;
  int numa_node = -1;  ///< -1: not known

  template <class V>
  void fields(V& v) {
    v(kind, index, name, memory_bytes, numa_node);
  }
};

/// What an agent knows of its node when it joins.
struct NodeReport {
  std::string hostname;
  std::string fabric_version;
  int num_cores = 0;          ///< cores online
  std::vector<int> affinity;  ///< cores that this process may run on, ascending
  int num_numa_nodes = 1;     ///< NUMA nodes with memory
  uint64_t memory_bytes = 0;  ///< physical memory, or the cgroup's limit where that is less
  std::vector<AcceleratorReport> accelerators;
  std::string accelerators_note;  ///< why there are none, or why the probe failed; empty otherwise

  template <class V>
  void fields(V& v) {
    v(hostname, fabric_version, num_cores, affinity, num_numa_nodes, memory_bytes, accelerators, accelerators_note);
  }
};

}  // namespace fabric
