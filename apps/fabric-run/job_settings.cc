#include "job_settings.h"

#include <algorithm>

#include "job/fabric_words.h"
#include "job/job_json.h"

namespace fabric::launcher {
namespace {

int most_nodes(const job::JobSpec& job, const cluster::ClusterInfo& cluster) {
  return std::min(job.elastic.max_nodes, static_cast<int>(cluster.nodes.size()));
}

}  // namespace

Status check_nodes(const job::JobSpec& job, const cluster::ClusterInfo& cluster) {
  const auto node_count = static_cast<int>(cluster.nodes.size());
  if (job.elastic.min_nodes <= node_count) return ok_status();
  return invalid_argument(concat("job '", job.name, "' needs at least ", job.elastic.min_nodes, " nodes, but '",
                                 cluster.environment, "' (", cluster.evidence, ") has ", node_count,
                                 "; lower fabric.num_nodes or elastic.min_nodes"));
}

int largest_world(const job::JobSpec& job, const cluster::ClusterInfo& cluster) {
  return most_nodes(job, cluster) * job::ranks_per_node(job.fabric);
}

Status check_wrapped_ranks(const std::vector<int>& wrapped_ranks, int world_size) {
  const int highest = wrapped_ranks.empty() ? 0 : wrapped_ranks.back();
  if (highest < world_size) return ok_status();
  return invalid_argument(concat("--ranks must name ranks of the job, which are 0 to ", world_size - 1, ", but names ",
                                 highest, "; leave it out for all ranks"));
}

rendezvous::Settings make_settings(const job::JobSpec& job, const cluster::ClusterInfo& cluster,
                                   const RunPlace& place) {
  rendezvous::Settings settings;
  settings.min_nodes = job.elastic.min_nodes;
  settings.max_nodes = most_nodes(job, cluster);
  settings.expected_nodes = settings.max_nodes;  // the environment has listed them
  settings.ranks_per_node = job::ranks_per_node(job.fabric);
  // What a tool runs is somebody's to look at: it ends when he says so, and then the job does.
  settings.max_restarts = place.wrapper.command.empty() ? job.elastic.max_restarts : 0;
  settings.restart_window = job.elastic.restart_window;
  settings.max_failures_without_progress = job.elastic.max_failures_without_progress;
  settings.rendezvous_timeout = job.elastic.rendezvous_timeout;
  settings.heartbeat_interval = job.elastic.heartbeat;
  settings.lease = job.elastic.lease;
  settings.grace = job.elastic.grace;
  settings.stop_timeout = job.elastic.stop_timeout;
  settings.max_strikes = job.elastic.max_strikes;
  settings.max_node_losses = job.elastic.max_node_losses;
  settings.max_preemptions = job.elastic.max_preemptions;
  settings.scale_up_wait = job.elastic.scale_up_wait;

  GenerationPlan& plan = settings.base;
  plan.run_id = place.run_id;
  plan.run_directory = place.run_directory;
  plan.program = place.program;
  plan.job_json = job::to_json(job);
  plan.job_directory = job.directory;
  plan.workdir = job.workdir.empty() ? place.current_directory : job.workdir;
  plan.env = job.env.set;
  plan.interface = job.network.interface;
  plan.threads_per_rank = job.threads.value_or(0);
  plan.start_method = job.start_method;
  plan.limits = job.limits;
  plan.binding = job.binding;
  plan.wrapper = place.wrapper.command;
  plan.wrapped_ranks = place.wrapper.ranks;
  plan.wrapper_has_terminal = place.wrapper.has_terminal;
  plan.uses_accelerators = job.fabric.accelerator != "cpu";
  plan.log_rotate_bytes = job.output.rotate_bytes;
  return settings;
}

}  // namespace fabric::launcher
