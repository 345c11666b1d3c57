#pragma once

#include <string>
#include <vector>

#include "cluster/cluster_info.h"
#include "core/status.h"
#include "job/job_spec.h"
#include "rendezvous/settings.h"

namespace fabric::launcher {

/// A tool that runs ranks, such as a debugger.
struct RankWrapper {
  std::vector<std::string> command;  ///< empty: none
  std::vector<int> ranks;            ///< global ranks; empty: all
  bool has_terminal = false;         ///< it gets the terminal of fabric-run; for one rank only
  int rank_with_terminal() const { return ranks.empty() ? 0 : ranks.front(); }
};

/// What one run of a job has that its file does not say.
struct RunPlace {
  std::string run_id;
  std::string run_directory;      ///< absolute
  std::string program;            ///< absolute path of the run's own copy
  std::string current_directory;  ///< absolute; working directory of ranks unless the job names one
  RankWrapper wrapper{};
};

/// Returns kInvalidArgument unless `cluster` has as many nodes as the job needs at least.
Status check_nodes(const job::JobSpec& job, const cluster::ClusterInfo& cluster);

/// Returns how many ranks the job has on as many nodes as it can have.
int largest_world(const job::JobSpec& job, const cluster::ClusterInfo& cluster);

/// Returns kInvalidArgument unless all of `wrapped_ranks` are ranks of the job.
Status check_wrapped_ranks(const std::vector<int>& wrapped_ranks, int world_size);

/// Returns what the coordinator of a run is told. check_nodes() must have been ok.
rendezvous::Settings make_settings(const job::JobSpec& job, const cluster::ClusterInfo& cluster, const RunPlace& place);

}  // namespace fabric::launcher
