#include "rendezvous/settings.h"

namespace fabric::rendezvous {

namespace {

Status at_least(const char* name, int64_t value, int64_t least, const char* unit) {
  if (value >= least) return ok_status();
  return invalid_argument(concat(name, " must be at least ", least, unit, ", but is ", value, unit));
}

}  // namespace

Status validate(const Settings& settings) {
  FABRIC_RETURN_IF_ERROR(at_least("min_nodes", settings.min_nodes, 1, ""));
  FABRIC_RETURN_IF_ERROR(at_least("max_nodes", settings.max_nodes, settings.min_nodes, ""));
  if (settings.expected_nodes != 0) {
    FABRIC_RETURN_IF_ERROR(at_least("expected_nodes", settings.expected_nodes, settings.min_nodes, ""));
  }
  FABRIC_RETURN_IF_ERROR(at_least("ranks_per_node", settings.ranks_per_node, 1, ""));
  FABRIC_RETURN_IF_ERROR(at_least("max_restarts", settings.max_restarts, 0, ""));
  FABRIC_RETURN_IF_ERROR(at_least("term", settings.term, 1, ""));
  FABRIC_RETURN_IF_ERROR(at_least("rendezvous_timeout", settings.rendezvous_timeout.count(), 1, " ns"));
  FABRIC_RETURN_IF_ERROR(at_least("last_call", settings.last_call.count(), 0, " ns"));
  FABRIC_RETURN_IF_ERROR(at_least("heartbeat_interval", settings.heartbeat_interval.count(), 1'000'000, " ns"));
  FABRIC_RETURN_IF_ERROR(at_least("lease", settings.lease.count(), 3 * settings.heartbeat_interval.count(), " ns"));
  FABRIC_RETURN_IF_ERROR(at_least("margin", settings.margin.count(), 0, " ns"));
  FABRIC_RETURN_IF_ERROR(at_least("restart_window", settings.restart_window.count(), 0, " ns"));
  FABRIC_RETURN_IF_ERROR(at_least("max_failures_without_progress", settings.max_failures_without_progress, 0, ""));
  FABRIC_RETURN_IF_ERROR(at_least("max_strikes", settings.max_strikes, 0, ""));
  FABRIC_RETURN_IF_ERROR(at_least("max_node_losses", settings.max_node_losses.value_or(0), 0, ""));
  FABRIC_RETURN_IF_ERROR(at_least("max_preemptions", settings.max_preemptions.value_or(0), 0, ""));
  const Nanoseconds scale_up_wait = settings.scale_up_wait.value_or(Nanoseconds(0));
  FABRIC_RETURN_IF_ERROR(at_least("scale_up_wait", scale_up_wait.count(), 0, " ns"));
  FABRIC_RETURN_IF_ERROR(at_least("stop_timeout", settings.stop_timeout.count(), 0, " ns"));
  FABRIC_RETURN_IF_ERROR(at_least("grace", settings.grace.count(), 0, " ns"));
  return at_least("stop_patience", settings.stop_patience.count(), 0, " ns");
}

}  // namespace fabric::rendezvous
