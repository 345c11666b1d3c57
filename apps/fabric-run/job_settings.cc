#include "job_settings.h"

#include <algorithm>

#include "job/job_json.h"

namespace fabric::launcher {
namespace {

/// A rank's own variables win over this number, see rank_environment.
int threads_per_rank(const job::JobSpec& job, const cluster::ClusterInfo& cluster, int ranks_per_node) {
  if (job.threads.has_value()) return *job.threads;
  return std::max(1, cluster.nodes.front().slots / ranks_per_node);
}

}  // namespace

Status check_nodes(const job::JobSpec& job, const cluster::ClusterInfo& cluster) {
  const auto node_count = static_cast<int>(cluster.nodes.size());
  if (job.elastic.min_nodes <= node_count) return ok_status();
  return invalid_argument(concat("job '", job.name, "' needs at least ", job.elastic.min_nodes, " nodes, but '",
                                 cluster.environment, "' (", cluster.evidence, ") has ", node_count,
                                 "; lower fabric.num_nodes or elastic.min_nodes"));
}

rendezvous::Settings make_settings(const job::JobSpec& job, const cluster::ClusterInfo& cluster,
                                   const RunPlace& place) {
  rendezvous::Settings settings;
  settings.min_nodes = job.elastic.min_nodes;
  settings.max_nodes = std::min(job.elastic.max_nodes, static_cast<int>(cluster.nodes.size()));
  settings.ranks_per_node = job.fabric.devices.value_or(1);
  settings.max_restarts = job.elastic.max_restarts;
  settings.rendezvous_timeout = job.elastic.rendezvous_timeout;
  settings.heartbeat_interval = job.elastic.heartbeat;
  settings.lease = job.elastic.lease;
  settings.grace = job.elastic.grace;

  GenerationPlan& plan = settings.base;
  plan.run_id = place.run_id;
  plan.run_directory = place.run_directory;
  plan.program = place.program;
  plan.job_json = job::to_json(job);
  plan.job_directory = job.directory;
  plan.workdir = job.workdir.empty() ? place.current_directory : job.workdir;
  plan.env = job.env;
  plan.threads_per_rank = threads_per_rank(job, cluster, settings.ranks_per_node);
  return settings;
}

}  // namespace fabric::launcher
