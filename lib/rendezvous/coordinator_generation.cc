// How a generation comes to be: who is waited for, who gets which ranks, when it gives way to a larger one.

#include <algorithm>
#include <utility>

#include "rendezvous/coordinator.h"
#include "rendezvous/placement.h"

namespace fabric::rendezvous {

void Coordinator::gather() {
  if (state_.stop_requested && rules_.heeds_stops) {
    const StopRequested& stop = *state_.stop_requested;
    return finish(stop.exit_code, stop.reason, std::nullopt);
  }
  if (state_.num_connected < settings_.min_nodes) {
    state_.enough_since.reset();
  } else if (!state_.enough_since) {
    state_.enough_since = now_;
  }
  const int most = awaits_number() ? std::min(settings_.expected_nodes, settings_.max_nodes) : settings_.max_nodes;
  if (num_placeable() >= most || is_last_call_over()) return start_generation();
  if (now_ >= *state_.gathering_since + settings_.rendezvous_timeout) finish_gathering_late();
}

void Coordinator::finish_gathering_late() {
  if (state_.enough_since) return start_generation();
  const std::string reason = roll_call();
  record("rendezvous_timeout", {{"reason", reason}});
  finish(exit_code::kRendezvousTimeout, reason, std::nullopt);
}

// A spare that had a rank long ago must not take it from who has it now.
void Coordinator::forget_old_ranks() {
  for (auto& [id, agent] : state_.agents) {
    if (!is_part_of_current(id)) agent.node_rank.reset();
  }
}

void Coordinator::start_generation() {
  forget_old_ranks();
  const std::map<AgentId, int> ranks = place_nodes(state_.agents, settings_, rules_);
  const int num_nodes = static_cast<int>(ranks.size());
  const int world_size = num_nodes * settings_.ranks_per_node;
  Generation& generation = state_.generation.emplace();
  generation.id = {settings_.term, ++state_.counter};
  generation.store_open = true;
  generation.world_size = world_size;
  generation.num_alive = num_nodes;
  generation.exited.resize(static_cast<size_t>(world_size), false);
  generation.stepped.resize(static_cast<size_t>(world_size), false);
  state_.step_stop.reset();
  state_.larger_since.reset();
  move(PhaseEvent::kGathered);
  GenerationIssued issued{generation.id};
  for (const auto& [id, node_rank] : ranks) issued.members[id.value] = node_rank;
  journal(std::move(issued));
  act(OpenStore{generation.id});
  record("generation_started", {{"generation", concat(generation.id)},
                                {"world_size", world_size},
                                {"num_nodes", num_nodes},
                                {"restart_count", state_.restarts.restart_count}});
  for (const auto& [id, node_rank] : ranks) {
    Agent& agent = state_.agents.at(id);
    agent.node_rank = node_rank;
    generation.members[id] = {.node_rank = node_rank, .clock_offset = agent.clock.estimate()};
    send(id, StartGeneration{plan_for(node_rank, num_nodes)});
  }
}

GenerationPlan Coordinator::plan_for(int node_rank, int num_nodes) const {
  GenerationPlan plan = settings_.base;
  plan.generation = state_.generation->id;
  plan.num_nodes = num_nodes;
  plan.node_rank = node_rank;
  plan.local_world_size = settings_.ranks_per_node;
  plan.world_size = num_nodes * settings_.ranks_per_node;
  plan.first_global_rank = node_rank * settings_.ranks_per_node;
  plan.restart_count = state_.restarts.restart_count;
  plan.furthest_step = state_.restarts.furthest_step;
  return plan;
}

// Only between steps that all ranks have: a program without steps would lose what it has done. One whose ranks have begun to
// end is left to its end.
void Coordinator::grow() {
  if (!settings_.scale_up_wait || settings_.stop_timeout <= Nanoseconds(0)) return;
  Generation& generation = *state_.generation;
  const int more = num_placeable() - static_cast<int>(generation.members.size());
  if (more <= 0) return state_.larger_since.reset();
  if (!state_.larger_since) state_.larger_since = now_;
  if (now_ < *state_.larger_since + *settings_.scale_up_wait) return;
  if (generation.num_stepped < generation.world_size && rules_.grows_after_steps) return;
  if (!generation.reports.empty() && rules_.grows_before_ends) return;
  generation.is_resized = true;
  state_.larger_since.reset();
  record("scale_up", {{"generation", concat(generation.id)}, {"more_nodes", more}});
  halt_generation(concat(more, " more nodes are there"));
}

// How many nodes a generation would have that started now.
int Coordinator::num_placeable() const {
  const int others = state_.num_connected - state_.num_benched;
  return std::min(settings_.max_nodes, std::max(others, std::min(state_.num_connected, settings_.min_nodes)));
}

// Before the first generation, where it is known how many nodes are coming.
bool Coordinator::awaits_number() const {
  return settings_.expected_nodes > 0 && !state_.generation && rules_.awaits_expected_nodes;
}

// Only the first generation of a coordinator waits for latecomers: later ones have lost time enough. Where it is known how many
// come, those are waited for.
bool Coordinator::is_last_call_over() const {
  if (!state_.enough_since || awaits_number()) return false;
  return state_.counter > 0 || now_ >= *state_.enough_since + settings_.last_call;
}

std::string Coordinator::roll_call() const {
  std::string text = concat("needs ", settings_.min_nodes, " nodes, but only ", state_.num_connected, " came within ",
                            to_ms(settings_.rendezvous_timeout), " ms; present:");
  const auto heard = [this](TimePoint at) { return concat("last heard ", to_ms(now_ - at), " ms ago"); };
  for (const auto& [id, agent] : state_.agents) {
    if (!agent.connected) continue;
    text += concat(" ", id, " (", agent.node.hostname, ", ", heard(agent.last_acknowledged), ")");
  }
  if (state_.num_connected == 0) text += " nobody";
  text += concat("; missing: ", settings_.min_nodes - state_.num_connected);
  for (const Departure& gone : state_.departures) {
    text += concat("; left: ", gone.agent, " (", gone.hostname, ", ", heard(gone.last_acknowledged), ", ", gone.reason,
                   ")");
  }
  return text + "; see that each node starts its agent and reaches this one, or raise the rendezvous timeout";
}

}  // namespace fabric::rendezvous
