// What must hold, whatever happens.

#include <algorithm>

#include "core/concat.h"
#include "rendezvous/simulation.h"

namespace fabric::rendezvous {

// ---- generations and leases --------------------------------------------------------------------------------------------

void Simulation::set_running(SimAgent& agent, bool runs) {
  if (std::exchange(agent.counts_as_running, runs) == runs) return;
  const auto running = running_.try_emplace(agent.generation, 0).first;
  running->second += runs ? 1 : -1;
  if (running->second == 0) running_.erase(running);
  if (runs && running_.size() > 1) {
    broken(concat("ranks of generations ", running_.begin()->first, " and ", running_.rbegin()->first, " run at once"));
  }
}

void Simulation::check_start(const SendTo& action, const GenerationPlan& plan) {
  if (plan.generation != told_.generation) {
    return broken(concat("generation ", plan.generation, " starts, but is not the one in the journal"));
  }
  if (plans_.empty()) {
    ++counts_.generations;
    check_leases(plan.generation);
  }
  ++placements_;
  plans_.emplace_back(index_of(action.agent), plan);
}

// Also on nodes that are frozen: they may go on at any time.
void Simulation::check_leases(const GenerationId& next) {
  for (const auto& [generation, nodes] : running_) {
    if (generation != next) broken(concat("generation ", next, " starts while ", generation, " runs"));
  }
  for (const SimAgent& agent : agents_) {
    if (agent.num_alive == 0 || agent.generation >= next) continue;
    if (agent.acknowledged + scenario_.settings.lease + scenario_.overstay > now_) {
      broken(concat("generation ", next, " starts while agent ", agent.id, " may run ", agent.generation));
    }
  }
}

void Simulation::check_departures(const Event& event, const std::vector<Action>& actions) {
  if (const auto* lost = std::get_if<AgentLost>(&event)) check_departure(lost->agent);
  if (const auto* dead = std::get_if<AgentGone>(&event)) check_departure(dead->agent);
  const auto* from = std::get_if<MessageFrom>(&event);
  if (from != nullptr && std::holds_alternative<Goodbye>(from->message)) check_departure(from->agent);
  for (const Action& action : actions) {
    if (const auto* dropped = std::get_if<DropAgent>(&action)) check_departure(dropped->agent);
  }
}

void Simulation::check_departure(const AgentId& gone) {
  const State& state = coordinator_->state();
  if (state.phase != Phase::kRunning && state.phase != Phase::kHalting) return;
  const auto member = state.generation->members.find(gone);
  if (member == state.generation->members.end()) return;
  if (member->second.ended_well < scenario_.settings.ranks_per_node) broken("a departure must end its generation");
}

// ---- ranks -------------------------------------------------------------------------------------------------------------

void Simulation::check_generation() {
  const Settings& settings = scenario_.settings;
  const int num_nodes = static_cast<int>(plans_.size());
  std::vector<bool> taken(plans_.size(), false);
  for (const auto& [index, plan] : plans_) {
    const bool dense = plan.node_rank >= 0 && plan.node_rank < num_nodes &&
                       !taken[static_cast<size_t>(plan.node_rank)] && plan.num_nodes == num_nodes &&
                       plan.node_rank == agents_[index].last_node_rank &&
                       plan.first_global_rank == plan.node_rank * settings.ranks_per_node &&
                       plan.world_size == num_nodes * settings.ranks_per_node;
    if (!dense) return broken(concat("ranks of generation ", plan.generation, " must be dense, each given once"));
    taken[static_cast<size_t>(plan.node_rank)] = true;
  }
  check_members_known();
}

// Nobody who is connected may be forgotten: each is known, and waits only where there is no room or it is benched.
void Simulation::check_members_known() {
  const bool has_room = plans_.size() < static_cast<size_t>(scenario_.settings.max_nodes);
  for (const SimAgent& agent : agents_) {
    if (agent.host_epoch == 0) continue;
    const auto known = coordinator_->state().agents.find(agent.id);
    if (known == coordinator_->state().agents.end() || !known->second.connected) {
      return broken(concat("agent ", agent.id, " is forgotten"));
    }
    if (has_room && agent.placed_in != told_.generation && !is_benched(agent)) {
      return broken(concat("agent ", agent.id, " waits though there is room"));
    }
  }
}

// ---- budgets, writes, the end ------------------------------------------------------------------------------------------

void Simulation::check_restart() {
  if (!failed_.contains(told_.generation)) broken("a restart is spent, but no rank has failed");
  restarts_.push_back(now_);
  const size_t most = static_cast<size_t>(scenario_.settings.max_restarts);
  if (restarts_.size() <= most) return;
  const Nanoseconds window = scenario_.settings.restart_window;
  if (window == Nanoseconds(0) || now_ - restarts_[restarts_.size() - 1 - most] < window) {
    broken("the restart budget must not be exceeded");
  }
}

void Simulation::check_write(const GenerationId& generation) {
  if (!open_stores_.contains(generation)) return;
  if (generation < first_step_of_) {
    broken(concat("a write of generation ", generation, " is accepted after the first step of ", first_step_of_));
  }
}

// Of each generation an agent hears when it starts, is asked for a step, is let go up to it, is to stop, and is to stop sooner; of
// each connection, the welcome, and what is to stop still.
void Simulation::check_end() {
  if (counts_.messages > 2 * joins_ + 5 * placements_ + agents_.size()) broken("messages must be linear in agents");
}

void Simulation::broken(const std::string& rule) {
  if (broken_.empty()) broken_ = concat(rule, " (at ", (now_ - start_).count() / 1'000'000, " ms)");
}

}  // namespace fabric::rendezvous
