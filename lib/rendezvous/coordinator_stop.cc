// How a generation is ended: at a step that its ranks agree on, with SIGTERM and grace, or at once.

#include <algorithm>
#include <utility>

#include "rendezvous/coordinator.h"

namespace fabric::rendezvous {

void Coordinator::on(const StopRequested& event) {
  record("stop_requested", {{"reason", event.reason}, {"immediate", event.immediate ? 1 : 0}});
  if (!state_.stop_requested) {
    state_.stop_requested = event;
    journal(StopAsked{event.reason, event.exit_code});
  }
  if (!has_ranks(state_.phase)) return;
  if (event.immediate) return stop_generation(event.reason, Nanoseconds(0));
  if (state_.phase == Phase::kRunning) halt_generation(event.reason);
}

// A program without steps, or without the end of its first one, is ended as it is: it has nothing to save.
void Coordinator::halt_generation(const std::string& reason) {
  if (settings_.stop_timeout <= Nanoseconds(0)) return stop_generation(reason, settings_.grace);
  move(PhaseEvent::kHaltAsked);
  state_.step_stop = StepStop{reason, now_ + settings_.stop_timeout};
  state_.step_stop->num_awaited = state_.generation->world_size - static_cast<int>(state_.generation->reports.size());
  send_to_members(AskSteps{state_.generation->id});
}

void Coordinator::on_message(const AgentId& agent, const RankReached& message) {
  const Membership* member = membership(agent, message.generation);
  if (member == nullptr) return;
  const bool is_awaited = state_.phase == Phase::kHalting && is_rank_of(*member, message.global_rank);
  if (!is_awaited || has_exited(message.global_rank)) return;
  if (message.step < 0) {
    return stop_generation(concat(state_.step_stop->reason, "; rank ", message.global_rank, " has ended no step yet"),
                           settings_.grace);
  }
  if (state_.step_stop->reached.emplace(message.global_rank, message.step).second) --state_.step_stop->num_awaited;
  agree_on_step();
}

// Ranks that have left are not waited for, and their answers do not count.
void Coordinator::forget_answer(int global_rank) {
  if (state_.phase != Phase::kHalting) return;
  if (state_.step_stop->reached.erase(global_rank) == 0) --state_.step_stop->num_awaited;
}

void Coordinator::agree_on_step() {
  if (state_.phase != Phase::kHalting || state_.step_stop->step) return;
  const auto& reached = state_.step_stop->reached;
  if (reached.empty() || (state_.step_stop->num_awaited > 0 && rules_.waits_for_all_answers)) return;
  int64_t agreed = reached.begin()->second;
  for (const auto& [rank, step] : reached) {
    agreed = rules_.stops_at_the_highest_step ? std::max(agreed, step) : std::min(agreed, step);
  }
  state_.step_stop->step = agreed;
  record("stop_agreed", {{"generation", concat(state_.generation->id)}, {"step", agreed}});
  send_to_members(StopAtStep{state_.generation->id, agreed});
}

void Coordinator::expire_step_stop() {
  if (state_.phase != Phase::kHalting || now_ < state_.step_stop->deadline) return;
  const StepStop& stop = *state_.step_stop;
  const std::string awaited = stop.step ? concat("have stopped at the end of step ", *stop.step)
                                        : std::string("have said at which step they can stop");
  stop_generation(concat(stop.reason, "; not all ranks ", awaited, " within ", to_ms(settings_.stop_timeout), " ms"),
                  settings_.grace);
}

void Coordinator::stop_generation(const std::string& reason, Nanoseconds grace) {
  if (state_.stopping && state_.stopping->grace <= grace) return;
  move(PhaseEvent::kStopNeeded);
  state_.stopping = Stopping{reason, grace, now_ + grace + settings_.stop_patience};
  record("generation_stopping",
         {{"generation", concat(state_.generation->id)}, {"reason", reason}, {"grace_ms", to_ms(grace)}});
  // Ranks may need the store for what they do at their end; without grace nobody shall wait in it.
  if (grace <= Nanoseconds(0)) close_store();
  send_to_members(StopGeneration{state_.generation->id, to_ms(grace), reason});
}

void Coordinator::expire_patience() {
  if (!state_.stopping || state_.stopping->patience_over || now_ < state_.stopping->patience_ends) return;
  state_.stopping->patience_over = true;
  for (const auto& [id, member] : state_.generation->members) {
    const auto agent = state_.agents.find(id);
    if (member.stopped || agent == state_.agents.end() || !agent->second.connected) continue;
    const std::string reason = concat("did not confirm the end of generation ", state_.generation->id, " in time");
    act(DropAgent{id, reason});
    lose(id, reason, true);
  }
}

void Coordinator::finish_stopped(const Verdict& verdict) {
  const StopRequested& stop = *state_.stop_requested;
  int code = stop.exit_code;
  if (verdict.kind == Verdict::Kind::kCompleted) code = exit_code::kSuccess;
  if (verdict.kind == Verdict::Kind::kRequeue) code = exit_code::kRequeue;
  std::string reason = stop.reason;
  if (code == exit_code::kRequeue && state_.step_stop && state_.step_stop->step) {
    reason += concat(" at the end of step ", *state_.step_stop->step);
  }
  const bool failed = verdict.first_cause && is_failure(*verdict.first_cause);
  finish(code, std::move(reason), failed ? verdict.first_cause : std::nullopt);
}

}  // namespace fabric::rendezvous
