#pragma once

#include <string>
#include <vector>

#include "core/generation_plan.h"
#include "core/node_report.h"
#include "process/cpu_topology.h"

namespace fabric::process {

/// Where one rank runs.
struct RankCores {
  std::vector<int> cpus;  ///< that it may run on, ascending; empty: as inherited
  int num_cores = 1;  ///< its share of the node, hyper-threads of one core counted once where it is bound; at least 1
};

/// Where the ranks of a node run.
struct CorePlacement {
  std::vector<RankCores> ranks;  ///< by local rank
  std::string warning;           ///< what is not as it was asked for; empty if all is
};

/// Shares `cpus` among ranks, one for each entry of `wanted_nodes`: the NUMA node that the local rank would
/// like to be on, -1 if it has no wish.
///
/// kNone: no rank is bound.
/// kCores: each rank gets the same number of whole cores. Cores of one NUMA node are given first to the ranks that wish for
/// it, then to the others in their order; a rank gets cores of several nodes only if no node has enough left. If there are
/// fewer cores than ranks, cores are shared.
/// kNuma: each rank gets all cores of one NUMA node: the one it wishes for, else the ranks are spread over the nodes.
CorePlacement place_on_cores(const std::vector<Cpu>& cpus, Binding binding, const std::vector<int>& wanted_nodes);

/// Places the ranks of `plan` on those CPUs of this node that are `allowed`.
CorePlacement place_ranks(const GenerationPlan& plan, const std::vector<AcceleratorReport>& accelerators,
                          const NodeFiles& files, const std::vector<int>& allowed = allowed_cpus());

/// Returns the NUMA nodes that the local ranks of `plan` would like to be on, those of the accelerators that they use.
std::vector<int> wanted_nodes(const GenerationPlan& plan, const std::vector<AcceleratorReport>& accelerators);

}  // namespace fabric::process
