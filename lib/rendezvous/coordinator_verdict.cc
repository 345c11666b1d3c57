// What follows a generation of which nothing is alive: another one, at whose cost, or the end of the job.

#include <algorithm>
#include <utility>

#include "rendezvous/coordinator.h"

namespace fabric::rendezvous {

namespace {

std::string budget_text(const Settings& settings) {
  if (settings.max_restarts == 0) return "";
  const std::string window = settings.restart_window > Nanoseconds(0)
                                 ? concat(" within ", to_ms(settings.restart_window), " ms")
                                 : std::string();
  return concat("; all ", settings.max_restarts, " restarts", window, " are used up");
}

// A generation that lost a node without a word has lost it, whoever else said that it would leave.
DepartureKind departure_kind(const Generation& generation) {
  const bool silent = std::any_of(generation.members.begin(), generation.members.end(),
                                  [](const auto& member) { return member.second.lost && !member.second.preempted; });
  return silent ? DepartureKind::kLost : DepartureKind::kPreempted;
}

}  // namespace

void Coordinator::conclude() {
  close_store();
  record("generation_stopped", {{"generation", concat(state_.generation->id)}});
  use_coordinator_time(*state_.generation);
  const Verdict verdict = judge(*state_.generation, settings_.ranks_per_node);
  remember_failure(verdict);
  state_.stopping.reset();
  if (state_.stop_requested && rules_.heeds_stops) return finish_stopped(verdict);
  switch (verdict.kind) {
    case Verdict::Kind::kCompleted:
      return finish(exit_code::kSuccess, "all ranks ended with 0", std::nullopt);
    case Verdict::Kind::kRequeue:
      if (!rules_.tells_requeue_from_success) return finish(exit_code::kSuccess, "all ranks ended", std::nullopt);
      if (goes_on_after_requeue()) return gather_again();
      return finish(exit_code::kRequeue, "all ranks stopped at an agreed step", std::nullopt);
    case Verdict::Kind::kNodeLost:
      if (state_.generation->is_inherited) return gather_again();
      return replace_or_finish();
    case Verdict::Kind::kFailed:
      // Ranks that did not stop in time for a larger generation have not failed.
      if (state_.generation->is_resized && !is_failure(*verdict.first_cause)) return gather_again();
      strike(*verdict.first_cause);
      return restart_or_finish(verdict);
  }
}

// They were stopped for a larger generation, or a coordinator that crashed may have wanted one: had the end of the job been asked
// for, the journal would say so.
bool Coordinator::goes_on_after_requeue() const {
  if (!rules_.goes_on_after_growing) return false;
  return state_.generation->is_resized || state_.generation->is_inherited;
}

void Coordinator::restart_or_finish(const Verdict& verdict) {
  const ExitReport& cause = *verdict.first_cause;
  const std::string what = describe(cause);
  if (cause.shell_code() == exit_code::kBadJob) return finish(cause.shell_code(), what, cause);
  const RestartHistory& history = state_.restarts;
  Settings limits = settings_;
  if (!rules_.has_one_budget) limits.max_restarts *= static_cast<int>(state_.generation->members.size());
  switch (ask_restart(state_.restarts, limits, now_)) {
    case RestartAnswer::kUsedUp:
      return finish(cause.shell_code(), what + budget_text(settings_), cause);
    case RestartAnswer::kNoProgress:
      return finish(exit_code::kNoProgress,
                    concat(what, "; restarting makes no progress: no rank came beyond step ", history.furthest_step,
                           " in the last ", history.failures_without_progress, " generations"),
                    cause);
    case RestartAnswer::kGranted:
      journal(BudgetSpent{history});
      record("restart", {{"reason", what}, {"restart_count", history.restart_count}});
      return gather_again();
  }
}

void Coordinator::replace_or_finish() {
  const DepartureKind kind = departure_kind(*state_.generation);
  const bool lost = kind == DepartureKind::kLost;
  Settings limits = settings_;
  if (!rules_.limits_node_losses) limits.max_node_losses.reset();
  if (!rules_.limits_preemptions) limits.max_preemptions.reset();
  if (ask_after_departure(state_.restarts, limits, kind) == RestartAnswer::kGranted) {
    journal(BudgetSpent{state_.restarts});
    return gather_again();
  }
  const std::optional<int> most = lost ? settings_.max_node_losses : settings_.max_preemptions;
  finish(exit_code::kFailure,
         concat(lost ? "a node was lost; all " : "a node was preempted; all ", most.value_or(0),
                lost ? " node losses" : " preemptions", " that the job may have are used up"),
         std::nullopt);
}

// Ranks that failed because of others, and those that were killed, say nothing about their node.
void Coordinator::strike(const ExitReport& cause) {
  if (!is_failure(cause) || is_peer_failure(cause)) return;
  if (cause.hostname.empty()) return;  // nobody has reported it
  const int strikes = ++state_.strikes[cause.hostname];
  journal(NodeStruck{cause.hostname, strikes});
  if (!is_struck_out(cause.hostname)) return;
  for (auto& [id, agent] : state_.agents) {
    if (agent.node.hostname != cause.hostname || agent.benched) continue;
    agent.benched = true;
    if (agent.connected) ++state_.num_benched;
  }
  if (strikes == settings_.max_strikes) record("node_benched", {{"node", cause.hostname}, {"strikes", strikes}});
}

// An agent that is started again has another name, but is on the same node.
bool Coordinator::is_struck_out(const std::string& hostname) const {
  const auto strikes = state_.strikes.find(hostname);
  return rules_.benches_nodes && settings_.max_strikes > 0 && strikes != state_.strikes.end() &&
         strikes->second >= settings_.max_strikes;
}

void Coordinator::gather_again() {
  move(PhaseEvent::kMayRunAgain);
  state_.gathering_since = now_;
  state_.enough_since.reset();
}

void Coordinator::finish(int code, std::string reason, std::optional<ExitReport> first_cause) {
  move(PhaseEvent::kGaveUp);
  ended_ = JobEnded{code, reason};
  journal(*ended_);
  for (const auto& [id, agent] : state_.agents) {
    const bool has_ranks = state_.generation && is_part_of_current(id);
    if (agent.connected && (has_ranks || rules_.dismisses_spares)) send(id, Shutdown{code, reason});
  }
  record("job_finished", {{"exit_code", code}, {"reason", reason}, {"restart_count", state_.restarts.restart_count}});
  JobOutcome outcome{
      code, std::move(reason), std::move(first_cause), {}, state_.restarts.restart_count, {settings_.term, 0}, {}};
  if (state_.generation) {
    outcome.reports = state_.generation->reports;
    outcome.generation = state_.generation->id;
  }
  outcome.failures = state_.failures;
  act(JobFinished{std::move(outcome)});
}

void Coordinator::remember_failure(const Verdict& verdict) {
  if (verdict.kind != Verdict::Kind::kFailed) return;
  const ExitReport& cause = *verdict.first_cause;
  state_.failures.push_back({state_.generation->id, cause.time_ns, cause.global_rank, describe(cause)});
  if (state_.failures.size() > State::kMaxFailures) state_.failures.erase(state_.failures.begin());
}

}  // namespace fabric::rendezvous
