#include "rendezvous/restart_budget.h"

#include <algorithm>
#include <utility>

namespace fabric::rendezvous {

void note_step(RestartHistory& history, int64_t step) { history.furthest_step = std::max(history.furthest_step, step); }

RestartAnswer ask_restart(RestartHistory& history, const Settings& settings, TimePoint now) {
  const int64_t before = std::exchange(history.step_of_last_failure, history.furthest_step);
  if (history.furthest_step > before)
    history.failures_without_progress = 0;
  else if (history.furthest_step >= 0)
    ++history.failures_without_progress;

  const bool has_window = settings.restart_window > Nanoseconds(0);
  while (has_window && !history.restarts.empty() && now - history.restarts.front() >= settings.restart_window) {
    history.restarts.pop_front();
  }
  if (static_cast<int64_t>(history.restarts.size()) >= settings.max_restarts) return RestartAnswer::kUsedUp;
  const int allowed = settings.max_failures_without_progress;
  if (allowed > 0 && history.failures_without_progress >= allowed) return RestartAnswer::kNoProgress;
  history.restarts.push_back(now);
  ++history.restart_count;
  return RestartAnswer::kGranted;
}

RestartAnswer ask_after_departure(RestartHistory& history, const Settings& settings, DepartureKind kind) {
  const bool lost = kind == DepartureKind::kLost;
  int& count = lost ? history.node_losses : history.preemptions;
  const std::optional<int> most = lost ? settings.max_node_losses : settings.max_preemptions;
  if (most && count >= *most) return RestartAnswer::kUsedUp;
  ++count;
  return RestartAnswer::kGranted;
}

}  // namespace fabric::rendezvous
