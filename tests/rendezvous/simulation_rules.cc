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
  if (plans_.empty()) {
    if (plan.generation <= newest_issued_) broken(concat("generation ", plan.generation, " must not be issued again"));
    newest_issued_ = plan.generation;
    ++counts_.generations;
  }
  if (plan.generation != newest_issued_) broken("one event must not start two generations");
  for (const auto& [generation, nodes] : running_) {
    if (generation != plan.generation)
      broken(concat("generation ", plan.generation, " starts while ", generation, " runs"));
  }
  ++placements_;
  plans_.emplace_back(index_of(action.agent), plan);
}

void Simulation::check_departure(const Event& event) {
  const AgentId* gone = nullptr;
  if (const auto* lost = std::get_if<AgentLost>(&event)) gone = &lost->agent;
  if (const auto* dead = std::get_if<AgentGone>(&event)) gone = &dead->agent;
  const State& state = coordinator_->state();
  if (gone == nullptr || (state.phase != Phase::kRunning && state.phase != Phase::kHalting)) return;
  const auto member = state.generation->members.find(*gone);
  if (member == state.generation->members.end()) return;
  if (member->second.ended_well < scenario_.settings.ranks_per_node) broken("a departure must end its generation");
}

// ---- ranks -------------------------------------------------------------------------------------------------------------

void Simulation::check_generation() {
  const Settings& settings = scenario_.settings;
  const int num_nodes = static_cast<int>(plans_.size());
  if (num_nodes < settings.min_nodes || num_nodes > settings.max_nodes) broken("too few or too many nodes");
  std::vector<bool> taken(plans_.size(), false);
  for (const auto& [index, plan] : plans_) {
    SimAgent& agent = agents_[index];
    const bool dense = plan.node_rank >= 0 && plan.node_rank < num_nodes &&
                       !taken[static_cast<size_t>(plan.node_rank)] && plan.num_nodes == num_nodes &&
                       plan.first_global_rank == plan.node_rank * settings.ranks_per_node &&
                       plan.world_size == num_nodes * settings.ranks_per_node;
    if (!dense) return broken(concat("ranks of generation ", plan.generation, " must be dense, each given once"));
    taken[static_cast<size_t>(plan.node_rank)] = true;
    const bool stayed = agent.placed_in == previous_ && agent.placed_epoch == agent.host_epoch;
    if (stayed && *agent.last_node_rank < num_nodes && *agent.last_node_rank != plan.node_rank) {
      return broken(concat("agent ", agent.id, " must keep its node rank ", *agent.last_node_rank));
    }
    agent.placed_in = plan.generation;
    agent.placed_epoch = agent.host_epoch;
    agent.last_node_rank = plan.node_rank;
  }
  previous_ = plans_.front().second.generation;
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
    if (has_room && agent.placed_in != previous_ && !known->second.benched) {
      return broken(concat("agent ", agent.id, " waits though there is room"));
    }
  }
}

// ---- budgets, writes, the end ------------------------------------------------------------------------------------------

void Simulation::check_restart() {
  restarts_.push_back(now_);
  const size_t most = static_cast<size_t>(scenario_.settings.max_restarts);
  if (restarts_.size() <= most) return;
  const Nanoseconds window = scenario_.settings.restart_window;
  if (window == Nanoseconds(0) || now_ - restarts_[restarts_.size() - 1 - most] < window) {
    broken("the restart budget must not be exceeded");
  }
}

void Simulation::check_spent(const RestartHistory& history) {
  const Settings& settings = scenario_.settings;
  if (history.node_losses > settings.max_node_losses.value_or(history.node_losses)) broken("too many node losses");
  if (history.preemptions > settings.max_preemptions.value_or(history.preemptions)) broken("too many preemptions");
}

void Simulation::check_write(const GenerationId& generation) {
  if (!open_stores_.contains(generation)) return;
  if (generation < first_step_of_) {
    broken(concat("a write of generation ", generation, " is accepted after the first step of ", first_step_of_));
  }
}

void Simulation::check_end() {
  if (!running_.empty()) broken("no rank may be alive when the job is over");
  if (outcome_->restart_count < static_cast<int>(restarts_.size())) broken("every restart must be counted");
  for (const SimAgent& agent : agents_) {
    if (agent.host_epoch != 0 && !agent.was_dismissed) broken(concat("agent ", agent.id, " is not told of the end"));
  }
  // Of each generation an agent hears when it starts, is asked for a step, is let go up to it, is to stop, and is to stop
  // sooner; of each connection, the welcome, and what is to stop still.
  if (counts_.messages > 2 * joins_ + 5 * placements_ + agents_.size()) broken("messages must be linear in agents");
}

void Simulation::broken(const std::string& rule) {
  if (broken_.empty()) broken_ = concat(rule, " (at ", (now_ - start_).count() / 1'000'000, " ms)");
}

}  // namespace fabric::rendezvous
