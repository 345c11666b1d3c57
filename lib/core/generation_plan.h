#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/ids.h"
#include "core/process_setup.h"

namespace fabric {

/// How the processes of ranks come into being.
enum class StartMethod : uint8_t {
  kForkServer,  ///< forked from a process that has LibTorch and the program loaded, where the program allows it
  kExec,        ///< executed, each loads everything itself
};

/// Which cores a rank may run on.
enum class Binding : uint8_t {
  kNone,   ///< all of the node
  kCores,  ///< a share of its own, the same number for each rank of the node
  kNuma,   ///< those of one NUMA node, the one nearest to the rank's accelerator where that is known
};

/// All that a node needs to start its ranks of one generation. Made by the coordinator, one per agent.
///
/// The ranks of a node are consecutive: first_global_rank .. first_global_rank + local_world_size - 1.
struct GenerationPlan {
  GenerationId generation;
  std::string run_id;
  std::string run_directory;  ///< absolute; holds logs/, checkpoints/, program/
  int world_size = 1;
  int num_nodes = 1;
  int node_rank = 0;
  int first_global_rank = 0;
  int local_world_size = 1;
  int restart_count = 0;       ///< restarts so far in this job, after failures
  int64_t furthest_step = -1;  ///< the highest step that a rank of an earlier generation ended; -1: none did
  std::string main_address = "127.0.0.1";  ///< numeric address of node rank 0 for the data plane; ranks bind their own
  std::string interface = {};              ///< over which ranks talk; empty: that which leads to main_address
  std::string program;                     ///< absolute path of the user's shared object
  std::string job_json;       ///< the resolved job (JobSpec) as JSON: args, fabric, and the rest for the runtime
  std::string job_directory;  ///< directory of the job file; Arguments::path() is relative to it
  std::string workdir;        ///< working directory of ranks
  std::map<std::string, std::string> env;  ///< set in ranks, over what they inherit
  /// OMP_NUM_THREADS and at::set_num_threads unless `env` says otherwise; 0: as many as the rank's share of the cores, which
  /// the agent fills in before the rank hears of it.
  int threads_per_rank = 0;
  StartMethod start_method = StartMethod::kForkServer;
  ResourceLimits limits;
  Binding binding = Binding::kNone;
  std::vector<std::string> wrapper;   ///< command that runs fabric-worker, as {"gdb", "--args"}; empty: none
  std::vector<int> wrapped_ranks;     ///< global ranks that it runs; empty: all
  bool wrapper_has_terminal = false;  ///< it has the agent's controlling terminal instead of pipes and a log
  bool uses_accelerators =
      false;  ///< local rank i computes on the node's accelerator i, where there is one; for `binding`
  int64_t log_rotate_bytes = 0;  ///< a rank's log is continued in another file beyond this; 0: never

  /// Returns whether the wrapper runs this rank.
  bool wraps(int global_rank) const {
    return !wrapper.empty() && (wrapped_ranks.empty() || std::find(wrapped_ranks.begin(), wrapped_ranks.end(),
                                                                   global_rank) != wrapped_ranks.end());
  }
  /// Returns whether a tool may hold ranks still for as long as it likes: no wait for one of them may end by itself then.
  bool waits_without_limit() const { return !wrapper.empty(); }

  template <class V>
  void fields(V& v) {
    v(generation.term, generation.counter, run_id, run_directory, world_size, num_nodes, node_rank, first_global_rank,
      local_world_size, restart_count, furthest_step, main_address, interface, program, job_json, job_directory,
      workdir, env, threads_per_rank, start_method, limits, binding, wrapper, wrapped_ranks, wrapper_has_terminal,
      uses_accelerators, log_rotate_bytes);
  }
};

/// What one rank is told by its supervisor: the plan of its node and its own place in it.
struct Assignment {
  GenerationPlan plan;
  int local_rank = 0;
  int global_rank() const { return plan.first_global_rank + local_rank; }

  template <class V>
  void fields(V& v) {
    v(plan, local_rank);
  }
};

}  // namespace fabric
