#pragma once

#include <cstdint>
#include <optional>

#include "core/clock.h"
#include "core/generation_plan.h"
#include "core/status.h"

namespace fabric::rendezvous {

/// What the coordinator of one job is told before it starts.
struct Settings {
  /// Fewest nodes a generation runs on. At least 1.
  int min_nodes = 1;
  /// Most nodes a generation runs on; agents beyond it wait as spares. At least min_nodes.
  int max_nodes = 1;
  /// How many nodes are known to be coming, as a scheduler says: once that many are there (or max_nodes), nobody else is waited
  /// for. 0: nobody knows, so the last call tells. Otherwise at least min_nodes.
  int expected_nodes = 0;
  /// Ranks on each node. At least 1.
  int ranks_per_node = 1;
  /// How often in the whole job a failed rank may start a new generation. At least 0.
  int max_restarts = 0;
  /// Restarts longer ago than this no longer count; 0: all of the job count. Not negative.
  Nanoseconds restart_window{0};
  /// After how many failures in a row without a step further than ever before the job ends with 93; 0: never. Not negative.
  int max_failures_without_progress = 3;
  /// After how many generations whose first failure was a rank of one node that node is benched: it gets ranks only where
  /// min_nodes are not reached without it. 0: never. Not negative.
  int max_strikes = 3;
  /// How many generations in the whole job may end because a node was lost; nullopt: any number. Not negative.
  std::optional<int> max_node_losses = {};
  /// How many generations in the whole job may end because nodes said that they leave; nullopt: any number. Not negative.
  std::optional<int> max_preemptions = {};
  /// How long to wait for min_nodes agents, at the start and after a loss. Must be positive.
  Nanoseconds rendezvous_timeout = std::chrono::seconds(60);
  /// Once min_nodes came, how long the first generation waits for more, up to max_nodes, where nothing says how many are
  /// expected. Not negative.
  Nanoseconds last_call = std::chrono::milliseconds(500);
  /// How long an agent that could enlarge the running generation waits for others like it, before the ranks are asked to stop
  /// at a step with their state saved. nullopt: a running generation is not enlarged. Not negative.
  std::optional<Nanoseconds> scale_up_wait = {};
  /// Pause between two heartbeats of one agent. At least 1 ms.
  Nanoseconds heartbeat_interval = std::chrono::milliseconds(200);
  /// How long an agent may run ranks after the send time of its last acknowledged heartbeat. At least three intervals,
  /// so that one late beat never costs a node.
  Nanoseconds lease = std::chrono::milliseconds(1'200);
  /// How much longer than the lease the coordinator waits: covers the agent's timer and the end of killed ranks.
  Nanoseconds margin = std::chrono::milliseconds(300);
  /// How long the ranks may take to reach the step at which they stop, and to save their state there; after that they are
  /// ended as ranks that have no steps are. Not negative; 0: they are not asked.
  Nanoseconds stop_timeout = std::chrono::seconds(60);
  /// Between SIGTERM and SIGKILL when the job is asked to stop. Not negative.
  Nanoseconds grace = std::chrono::seconds(30);
  /// How long after the grace period a node may take to confirm that its ranks are gone, before it is given up.
  Nanoseconds stop_patience = std::chrono::seconds(5);
  /// GenerationId::term of this coordinator. At least 1.
  uint32_t term = 1;
  /// What all plans have in common: program, job, env, directories. Ranks, sizes and the generation are filled in.
  GenerationPlan base{};

  /// All but `base`, which decides nothing and may hold secrets.
  template <class V>
  void fields(V& v) {
    v(min_nodes, max_nodes, expected_nodes, ranks_per_node, max_restarts, restart_window, max_failures_without_progress,
      max_strikes, max_node_losses, max_preemptions, rendezvous_timeout, last_call, scale_up_wait, heartbeat_interval,
      lease, margin, stop_timeout, grace, stop_patience, term);
  }
};

/// Returns kInvalidArgument with the rule that `settings` breaks.
Status validate(const Settings& settings);

}  // namespace fabric::rendezvous
