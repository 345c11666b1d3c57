#pragma once

#include <string>

#include "cluster/cluster_info.h"
#include "core/status.h"
#include "job/job_spec.h"
#include "rendezvous/settings.h"

namespace fabric::launcher {

/// What one run of a job has that its file does not say.
struct RunPlace {
  std::string run_id;
  std::string run_directory;      ///< absolute
  std::string program;            ///< absolute path of the run's own copy
  std::string current_directory;  ///< absolute; working directory of ranks unless the job names one
};

/// Returns kInvalidArgument unless `cluster` has as many nodes as the job needs at least.
Status check_nodes(const job::JobSpec& job, const cluster::ClusterInfo& cluster);

/// Returns what the coordinator of a run is told. check_nodes() must have been ok.
rendezvous::Settings make_settings(const job::JobSpec& job, const cluster::ClusterInfo& cluster, const RunPlace& place);

}  // namespace fabric::launcher
