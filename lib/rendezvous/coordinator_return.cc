// How a coordinator begins, and how one goes on from the journal of another one that crashed.

#include <algorithm>
#include <utility>

#include "rendezvous/coordinator.h"

namespace fabric::rendezvous {

namespace {

// All members count as lost: what they have said since the entry was written is not known.
Generation inherited_from(const GenerationIssued& entry, int ranks_per_node) {
  Generation generation;
  generation.id = entry.generation;
  generation.is_inherited = true;
  generation.world_size = static_cast<int>(entry.members.size()) * ranks_per_node;
  generation.num_alive = static_cast<int>(entry.members.size());
  generation.exited.resize(static_cast<size_t>(generation.world_size), false);
  generation.stepped.resize(static_cast<size_t>(generation.world_size), false);
  for (const auto& [name, node_rank] : entry.members) {
    generation.members[{name}] = {.node_rank = node_rank, .lost = true};
  }
  return generation;
}

}  // namespace

Coordinator::Coordinator(Settings settings, const Journal& journal, Rules rules)
    : settings_(std::move(settings)), rules_(rules) {
  if (journal.term > 0) settings_.term = rules_.begins_a_term ? journal.term + 1 : journal.term;
  if (rules_.journals_budgets) state_.restarts = journal.history;
  state_.strikes = journal.strikes;
  ended_ = journal.ended;
  if (journal.stop && rules_.journals_stops) state_.stop_requested = {journal.stop->reason, journal.stop->exit_code};
  if (!journal.generation || !rules_.recovers_leases) return;
  state_.generation = inherited_from(*journal.generation, settings_.ranks_per_node);
  state_.phase = Phase::kStopping;
  for (const auto& [id, member] : state_.generation->members) {
    Agent& agent = state_.agents[id];
    agent.join_order = ++state_.joins;
    agent.connected = false;
    if (rules_.recovers_ranks) agent.node_rank = member.node_rank;
    agent.why_lost = "the coordinator that knew it has crashed";
  }
}

// Whatever the one before has acknowledged, it has done before now.
void Coordinator::begin() {
  state_.gathering_since = now_;
  journal(TermBegun{settings_.term});
  if (ended_) return finish(ended_->exit_code, ended_->reason, std::nullopt);
  for (TimePoint& restart : state_.restarts.restarts) restart = std::min(restart, now_);
  if (state_.phase != Phase::kStopping) return;
  record("coordinator_returned", {{"generation", concat(state_.generation->id)}});
  // Nobody has told its agents yet: they have as long as their leases take.
  const Nanoseconds patience = std::max(settings_.stop_patience, settings_.lease + settings_.margin);
  state_.stopping = Stopping{"the coordinator that started it has crashed", {}, now_ + patience};
  for (auto& [id, agent] : state_.agents) {
    agent.last_acknowledged = now_;
    watch_lease(id, agent);
  }
}

// Agents that come back, and have not heard of the end.
void Coordinator::handle_after_end(const Event& event) {
  const auto* joined = std::get_if<AgentJoined>(&event);
  if (joined != nullptr && rules_.dismisses_latecomers)
    send(joined->agent, Shutdown{ended_->exit_code, ended_->reason});
}

}  // namespace fabric::rendezvous
