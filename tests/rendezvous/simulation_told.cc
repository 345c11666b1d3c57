// What the coordinator has been told, and what must follow from it.

#include <algorithm>

#include "core/concat.h"
#include "rendezvous/simulation.h"
#include "rendezvous/verdict.h"

namespace fabric::rendezvous {

using namespace std::chrono_literals;

namespace {

constexpr Nanoseconds kLateTicks = 4s;  // one for the patience, one for the lease, and their messages

}  // namespace

bool Simulation::may_have_ranks(uint32_t index) const {
  return !told_.is_concluded && told_.members.contains(index) && !told_.confirmed.contains(index);
}

bool Simulation::is_benched(const SimAgent& agent) const {
  const auto strikes = strikes_.find(agent.hostname);
  const int most = scenario_.settings.max_strikes;
  return most > 0 && strikes != strikes_.end() && strikes->second >= most;
}

void Simulation::note(const Event& event) {
  if (const auto* lost = std::get_if<AgentLost>(&event)) return note_departure(index_of(lost->agent), false);
  if (const auto* gone = std::get_if<AgentGone>(&event)) {
    note_departure(index_of(gone->agent), false);
    told_.confirmed.insert(index_of(gone->agent));
    agents_[index_of(gone->agent)].keeps_rank = false;
  }
  const auto* from = std::get_if<MessageFrom>(&event);
  if (from == nullptr || std::holds_alternative<Heartbeat>(from->message)) return;
  const uint32_t index = index_of(from->agent);
  const Settings& settings = scenario_.settings;
  // Its lease is over: it counts as gone before it has spoken.
  if (now_ < agents_[index].heard + settings.lease + settings.margin) note_message(index, from->message);
}

void Simulation::note_message(uint32_t index, const AgentMessage& message) {
  if (std::holds_alternative<Goodbye>(message)) {
    note_departure(index, true);
    told_.confirmed.insert(index);
    agents_[index].keeps_rank = false;
  }
  if (!told_.members.contains(index)) return;
  if (const auto* stopped = std::get_if<GenerationStopped>(&message)) {
    if (stopped->generation == told_.generation) told_.confirmed.insert(index);
  } else if (const auto* progress = std::get_if<RankProgress>(&message)) {
    if (progress->generation == told_.generation) told_.stepped.insert(progress->global_rank);
  } else if (const auto* exited = std::get_if<RankExited>(&message)) {
    if (exited->generation != told_.generation) return;
    told_.ended.insert(exited->report.global_rank);
    told_.has_failed |= is_failure(exited->report) && !is_peer_failure(exited->report);
  }
}

void Simulation::note_departure(uint32_t index, bool is_announced) {
  if (may_have_ranks(index)) (is_announced ? told_.has_said_goodbye : told_.has_lost) = true;
  if (told_.confirmed.contains(index)) agents_[index].keeps_rank = false;
}

void Simulation::note_drop(uint32_t index) {
  const Settings& settings = scenario_.settings;
  SimAgent& agent = agents_[index];
  note_departure(index, false);
  if (now_ >= agent.heard + settings.lease + settings.margin) agent.keeps_rank = false;
}

// Each answer renews the lease; one that had ended has cost the agent its rank.
void Simulation::note_answer(SimAgent& agent) {
  const Settings& settings = scenario_.settings;
  if (now_ >= agent.heard + settings.lease + settings.margin) agent.keeps_rank = false;
  agent.heard = now_;
}

// Nobody knows what its predecessor was told; all leases begin again.
void Simulation::note_return() {
  life_began_ = now_;
  gathers_since_ = now_;
  told_.confirmed.clear();
  told_.stepped.clear();
  told_.ended.clear();
  told_.has_failed = told_.has_lost = told_.has_said_goodbye = told_.must_charge = told_.is_concluded = false;
  told_.is_inherited = told_.generation.counter > 0;
  for (const uint32_t member : told_.members) agents_[member].heard = now_;
  must_end_by_.reset();
}

void Simulation::note_record(const Record& record) {
  const Settings& settings = scenario_.settings;
  const Nanoseconds lease = settings.lease + settings.margin;
  if (record.event == "restart") check_restart();
  if (record.event == "scale_up") check_scale_up();
  if (record.event == "node_benched") ++counts_.benched;
  if (record.event == "generation_stopping") {
    must_end_by_ = now_ + settings.grace + settings.stop_patience + lease + kLateTicks;
  }
  if (record.event == "coordinator_returned") {
    must_end_by_ = now_ + std::max(settings.stop_patience, lease) + lease + kLateTicks;
  }
  if (record.event != "generation_stopped") return;
  must_end_by_.reset();
  gathers_since_ = now_;
  told_.is_concluded = true;
  const bool is_free = told_.has_failed || told_.is_inherited || told_.is_resized;
  told_.must_charge = (told_.has_lost || told_.has_said_goodbye) && !is_free;
}

void Simulation::check_scale_up() {
  ++counts_.scale_ups;
  told_.is_resized = true;
  if (static_cast<int>(told_.stepped.size()) < told_.world_size)
    broken("ranks give way only once each has ended a step");
  if (!told_.ended.empty()) broken("ranks give way only while none has ended");
}

void Simulation::note_entry(const BudgetSpent& entry) {
  const RestartHistory& history = entry.history;
  const Settings& settings = scenario_.settings;
  const bool is_lost = history.node_losses > spent_.node_losses;
  const bool is_preempted = history.preemptions > spent_.preemptions;
  if (is_lost && (!told_.has_lost || told_.is_inherited)) broken("a node loss is charged, but none was lost");
  if (is_preempted && (!told_.has_said_goodbye || told_.has_lost)) broken("a preemption is charged, but none was");
  if (history.node_losses > settings.max_node_losses.value_or(history.node_losses)) broken("too many node losses");
  if (history.preemptions > settings.max_preemptions.value_or(history.preemptions)) broken("too many preemptions");
  const bool is_less = history.restart_count < spent_.restart_count || history.node_losses < spent_.node_losses ||
                       history.preemptions < spent_.preemptions;
  if (is_less) broken("what was spent must not be forgotten");
  told_.has_charged |= is_lost || is_preempted;
  spent_ = history;
}

void Simulation::note_entry(const NodeStruck& entry) {
  strikes_[entry.hostname] = entry.strikes;
  if (!failed_on_.contains({told_.generation, entry.hostname})) broken("a node is struck where no rank has failed");
}

void Simulation::note_entry(const GenerationIssued& entry) {
  if (entry.generation <= told_.generation)
    broken(concat("generation ", entry.generation, " must not be issued again"));
  if (stop_asked_) broken("nothing may start once the end of the job was asked for");
  if (told_.must_charge && !told_.has_charged) broken("a departure must be charged");
  check_members(entry);
  told_ = {};
  told_.generation = entry.generation;
  told_.world_size = static_cast<int>(entry.members.size()) * scenario_.settings.ranks_per_node;
  for (const auto& [name, node_rank] : entry.members) {
    const uint32_t index = index_of({name});
    told_.members.insert(index);
    SimAgent& agent = agents_[index];
    agent.placed_in = entry.generation;
    agent.last_node_rank = node_rank;
    agent.keeps_rank = true;
  }
}

void Simulation::check_members(const GenerationIssued& entry) {
  const Settings& settings = scenario_.settings;
  const int num_nodes = static_cast<int>(entry.members.size());
  if (num_nodes < settings.min_nodes || num_nodes > settings.max_nodes) broken("too few or too many nodes");
  const bool awaits = told_.generation.counter == 0 && now_ < life_began_ + settings.rendezvous_timeout;
  if (awaits && num_nodes < std::min(settings.expected_nodes, settings.max_nodes))
    broken("the expected nodes are awaited");
  for (const auto& [name, node_rank] : entry.members) {
    const SimAgent& agent = agents_[index_of({name})];
    const bool stayed = agent.keeps_rank && agent.placed_in == told_.generation && told_.generation.counter > 0;
    if (stayed && *agent.last_node_rank < num_nodes && *agent.last_node_rank != node_rank) {
      broken(concat("agent ", agent.id, " must keep its node rank ", *agent.last_node_rank));
    }
    if (!strikes_.empty() && is_benched(agent) && num_nodes > settings.min_nodes) {
      broken("a node on the bench gets ranks though there are enough others");
    }
  }
}

void Simulation::check_stopping() {
  if (must_end_by_ && now_ > *must_end_by_) broken("the end of a generation must not be put off");
}

void Simulation::check_outcome() {
  if (!running_.empty()) broken("no rank may be alive when the job is over");
  if (outcome_->restart_count < static_cast<int>(restarts_.size())) broken("every restart must be counted");
  const int code = outcome_->exit_code;
  const bool is_done = told_.world_size > 0 && succeeded_[told_.generation] == told_.world_size;
  if (code == exit_code::kSuccess && !is_done) broken("the job ends with 0 only if all ranks did");
  if ((code == exit_code::kRequeue || code == 130) && !stop_asked_) broken("nobody has asked for the end");
  if (code == 7 && !failed_.contains(told_.generation)) broken("the job ends with 7, but no rank did");
  for (const SimAgent& agent : agents_) {
    if (agent.host_epoch != 0 && !agent.was_dismissed) broken(concat("agent ", agent.id, " is not told of the end"));
  }
}

}  // namespace fabric::rendezvous
