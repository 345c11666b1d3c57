#include "rendezvous/coordinator.h"

#include <algorithm>
#include <utility>

namespace fabric::rendezvous {

namespace {

void keep_earliest(std::optional<TimePoint>& earliest, TimePoint candidate) {
  if (!earliest || candidate < *earliest) earliest = candidate;
}

}  // namespace

std::vector<Action> Coordinator::handle(const Event& event, TimePoint now) {
  actions_.clear();
  now_ = now;
  if (state_.phase == Phase::kFinished) {
    handle_after_end(event);
    return std::exchange(actions_, {});
  }
  if (!state_.gathering_since) begin();
  if (state_.phase == Phase::kFinished) return std::exchange(actions_, {});
  expire_leases();
  if (rules_.watches_each_lease)
    forget_departed();  // before one of them comes again: as the same agent it would have no lease that is watched
  expire_step_stop();
  std::visit([this](const auto& e) { on(e); }, event);
  expire_patience();
  advance();
  if (!rules_.journals_first) {
    std::stable_partition(actions_.begin(), actions_.end(),
                          [](const Action& action) { return !std::holds_alternative<WriteJournal>(action); });
  }
  return std::exchange(actions_, {});
}

std::optional<TimePoint> Coordinator::next_deadline() const {
  if (state_.phase == Phase::kFinished) return std::nullopt;
  std::optional<TimePoint> next = state_.leases.next();
  if (state_.phase == Phase::kHalting) keep_earliest(next, state_.step_stop->deadline);
  if (state_.stopping && !state_.stopping->patience_over) keep_earliest(next, state_.stopping->patience_ends);
  if (state_.phase == Phase::kGathering && state_.gathering_since) {
    keep_earliest(next, *state_.gathering_since + settings_.rendezvous_timeout);
    if (state_.enough_since && !awaits_number()) keep_earliest(next, *state_.enough_since + settings_.last_call);
  }
  if (state_.larger_since && *state_.larger_since + *settings_.scale_up_wait > now_) {
    keep_earliest(next, *state_.larger_since + *settings_.scale_up_wait);
  }
  return next;
}

// ---- events -----------------------------------------------------------------------------------------------------------

void Coordinator::on(const AgentJoined& event) {
  if (comes_too_late(event.agent)) return act(DropAgent{event.agent, "the end of its ranks is no longer waited for"});
  const auto [at, is_new] = state_.agents.try_emplace(event.agent);
  Agent& agent = at->second;
  if (!is_new && agent.connected) return;
  if (is_new) agent.join_order = ++state_.joins;
  agent.node = event.node;
  agent.connected = true;
  ++state_.num_connected;
  agent.benched = is_struck_out(event.node.hostname);
  if (agent.benched) ++state_.num_benched;
  agent.why_lost.clear();
  agent.clock = {};  // its machine may have been started again
  agent.last_acknowledged = now_;
  if (is_new) watch_lease(event.agent, agent);
  record("agent_joined", {{"agent", event.agent.value}, {"node", event.node.hostname}});
  send(event.agent, Welcome{to_ms(settings_.heartbeat_interval), to_ms(settings_.lease)});
  // Back while its ranks of the stopped generation may run: with its word the next one starts before its lease ends.
  if (state_.stopping && is_part_of_current(event.agent) && !state_.generation->members.at(event.agent).stopped) {
    send(event.agent, StopGeneration{state_.generation->id, 0, state_.stopping->reason});
  }
}

void Coordinator::on(const AgentLost& event) {
  const auto agent = state_.agents.find(event.agent);
  if (agent != state_.agents.end() && agent->second.connected)
    lose(event.agent, event.reason, may_have_ranks(event.agent));
}

void Coordinator::on(const AgentGone& event) {
  const bool had_ranks = may_have_ranks(event.agent);
  set_stopped(event.agent);
  const auto agent = state_.agents.find(event.agent);
  if (agent != state_.agents.end() && agent->second.connected) lose(event.agent, event.reason, had_ranks);
}

void Coordinator::on(const MessageFrom& event) {
  const auto agent = state_.agents.find(event.agent);
  if (agent == state_.agents.end() || !agent->second.connected) {
    ++state_.stale_messages;
    return;
  }
  std::visit([&](const auto& message) { on_message(event.agent, message); }, event.message);
}

void Coordinator::on(const SignalRequested& event) {
  record("signal_requested", {{"signal", event.signal}});
  if (has_ranks(state_.phase)) send_to_members(SignalRanks{state_.generation->id, event.signal});
}

void Coordinator::on_message(const AgentId& agent, const Heartbeat& message) {
  state_.agents.at(agent).last_acknowledged = now_;
  observe_clock(agent, message.time_ns);
  send(agent, HeartbeatAck{message.sequence});
}

void Coordinator::on_message(const AgentId& agent, const RankProgress& message) {
  const Membership* member = membership(agent, message.generation);
  if (member == nullptr) return;
  if (message.phase == RankPhase::kStep) {
    note_step(state_.restarts, message.step);
    return note_rank_step(*member, message.global_rank);
  }
  record(message.phase == RankPhase::kReady ? "rank_ready" : "rank_started",
         {{"generation", concat(message.generation)},
          {"rank", message.global_rank},
          {"node", state_.agents.at(agent).node.hostname},
          {"pid", message.pid}});
}

void Coordinator::on_message(const AgentId& agent, const RankExited& message) {
  Membership* member = membership(agent, message.generation);
  if (member == nullptr) return;
  observe_clock(agent, message.report.time_ns);
  ExitReport report = message.report;
  report.node_rank = member->node_rank;
  report.hostname = state_.agents.at(agent).node.hostname;
  auto& reports = state_.generation->reports;
  if (!is_rank_of(*member, report.global_rank) || has_exited(report.global_rank)) {
    ++state_.stale_messages;
    return;
  }
  reports.push_back(report);
  state_.generation->exited.at(static_cast<size_t>(report.global_rank)) = true;
  if (!is_failure(report) && !report.killed_by_us) ++member->ended_well;
  note_step(state_.restarts, report.last_step);
  record("rank_exited", {{"generation", concat(message.generation)},
                         {"rank", report.global_rank},
                         {"node", report.hostname},
                         {"exit_code", report.exit_code},
                         {"signal", report.signal},
                         {"killed_by_us", report.killed_by_us ? 1 : 0},
                         {"step", report.last_step},
                         {"ended_ns", report.time_ns},
                         {"description", describe(report)}});
  if (is_failure(report)) return stop_generation(describe(report), Nanoseconds(0));
  forget_answer(report.global_rank);
  agree_on_step();
}

void Coordinator::on_message(const AgentId& agent, const GenerationStopped& message) {
  Membership* member = membership(agent, message.generation);
  if (member == nullptr || member->stopped) return;
  set_stopped(agent);
  if (state_.phase != Phase::kStopping && !all_ranks_reported_well(*member)) {
    stop_generation(concat("the ranks of agent ", agent, " are gone"), Nanoseconds(0));
  }
}

void Coordinator::on_message(const AgentId& agent, const RanksSignaled& message) {
  if (membership(agent, message.generation) == nullptr) return;
  record("ranks_signaled", {{"generation", concat(message.generation)},
                            {"node", state_.agents.at(agent).node.hostname},
                            {"signal", message.signal},
                            {"ranks", message.num_ranks}});
}

void Coordinator::on_message(const AgentId& agent, const Goodbye& message) {
  const bool had_ranks = may_have_ranks(agent);
  set_stopped(agent);
  if (had_ranks && !state_.generation->members.at(agent).lost) state_.generation->members.at(agent).preempted = true;
  lose(agent, message.reason, had_ranks);
}

// ---- time -------------------------------------------------------------------------------------------------------------

void Coordinator::expire_leases() {
  while (const std::optional<LeaseQueue::Entry> due = state_.leases.take_due(now_)) {
    const auto agent = state_.agents.find(due->agent);
    if (agent == state_.agents.end() || agent->second.join_order != due->join_order) continue;
    if (lease_end(agent->second) > now_) {
      watch_lease(due->agent, agent->second);
      continue;
    }
    if (agent->second.connected) {
      const std::string reason = concat("no heartbeat for ", to_ms(settings_.lease + settings_.margin), " ms");
      act(DropAgent{due->agent, reason});
      lose(due->agent, reason, may_have_ranks(due->agent));
    }
    set_stopped(due->agent);
  }
}

void Coordinator::advance() {
  if (has_ranks(state_.phase)) {
    const bool told = state_.phase == Phase::kStopping && !rules_.waits_for_confirmations;
    if (state_.generation->num_alive == 0 || told) conclude();
  }
  forget_departed();
  if (state_.phase == Phase::kGathering) gather();
  if (state_.phase == Phase::kRunning) grow();
}

void Coordinator::close_store() {
  if (!std::exchange(state_.generation->store_open, false)) return;
  if (rules_.closes_stores) act(CloseStore{state_.generation->id});
}

// An agent whose ranks are known to be gone takes nothing with it: what ended its generation stays what it was.
void Coordinator::lose(const AgentId& id, const std::string& reason, bool had_ranks) {
  Agent& agent = state_.agents.at(id);
  agent.connected = false;
  --state_.num_connected;
  if (agent.benched) --state_.num_benched;
  departed_.push_back(id);
  agent.why_lost = reason;
  record("agent_lost", {{"agent", id.value}, {"node", agent.node.hostname}, {"reason", reason}});
  if (!has_ranks(state_.phase) || !is_part_of_current(id)) return;
  Membership& member = state_.generation->members.at(id);
  if (had_ranks || !rules_.tells_losses_from_ends) member.lost = true;
  if (!rules_.waits_for_leases) set_stopped(id);
  if (rules_.heeds_departures && (!member.stopped || !all_ranks_reported_well(member))) {
    stop_generation(concat("agent ", id, " on ", agent.node.hostname, " is lost: ", reason), Nanoseconds(0));
  }
}

// Keeps only those lost agents whose ranks may be alive.
void Coordinator::forget_departed() {
  for (const AgentId& id : departed_) {
    const auto agent = state_.agents.find(id);
    if (agent == state_.agents.end() || agent->second.connected) continue;
    if (may_have_ranks(id)) continue;
    state_.departures.push_back(
        {id, agent->second.node.hostname, agent->second.last_acknowledged, agent->second.why_lost});
    state_.agents.erase(agent);
  }
  departed_.clear();
  while (state_.departures.size() > State::kMaxDepartures) state_.departures.erase(state_.departures.begin());
}

// ---- queries ----------------------------------------------------------------------------------------------------------

// A time that is not known is 0.
void Coordinator::observe_clock(const AgentId& agent, int64_t sent_ns) {
  if (sent_ns <= 0) return;
  ClockOffset& clock = state_.agents.at(agent).clock;
  clock.observe(now_, sent_ns);
  if (is_part_of_current(agent)) state_.generation->members.at(agent).clock_offset = clock.estimate();
}

// Whoever has left for good by now is forgotten at the end of the event.
void Coordinator::set_stopped(const AgentId& agent) {
  if (!is_part_of_current(agent)) return;
  if (std::exchange(state_.generation->members.at(agent).stopped, true)) return;
  --state_.generation->num_alive;
  departed_.push_back(agent);
}

void Coordinator::watch_lease(const AgentId& id, const Agent& agent) {
  state_.leases.put({lease_end(agent), agent.join_order, id});
}

void Coordinator::note_rank_step(const Membership& member, int global_rank) {
  if (!is_rank_of(member, global_rank)) return;
  if (state_.generation->stepped.at(static_cast<size_t>(global_rank))) return;
  state_.generation->stepped.at(static_cast<size_t>(global_rank)) = true;
  ++state_.generation->num_stepped;
}

Membership* Coordinator::membership(const AgentId& agent, const GenerationId& generation) {
  const bool is_current =
      has_ranks(state_.phase) && (state_.generation->id == generation || !rules_.refuses_older_generations);
  if (is_current && is_part_of_current(agent)) {
    return &state_.generation->members.at(agent);
  }
  ++state_.stale_messages;
  return nullptr;
}

bool Coordinator::is_part_of_current(const AgentId& agent) const {
  return state_.generation && state_.generation->members.contains(agent);
}

// Its ranks run, as far as is known.
bool Coordinator::may_have_ranks(const AgentId& agent) const {
  return has_ranks(state_.phase) && is_part_of_current(agent) && !state_.generation->members.at(agent).stopped;
}

// Each return would renew its lease, and the end of its ranks could be put off for ever: now only that lease is waited for.
bool Coordinator::comes_too_late(const AgentId& agent) const {
  if (!state_.stopping || !rules_.loses_patience) return false;
  const bool is_over = state_.stopping->patience_over || now_ >= state_.stopping->patience_ends;
  return is_over && may_have_ranks(agent);
}

bool Coordinator::is_rank_of(const Membership& member, int global_rank) const {
  const int local = global_rank - member.node_rank * settings_.ranks_per_node;
  return local >= 0 && local < settings_.ranks_per_node;
}

bool Coordinator::has_exited(int global_rank) const {
  return state_.generation->exited.at(static_cast<size_t>(global_rank));
}

bool Coordinator::all_ranks_reported_well(const Membership& member) const {
  return member.ended_well == settings_.ranks_per_node;
}

TimePoint Coordinator::lease_end(const Agent& agent) const {
  return agent.last_acknowledged + settings_.lease + settings_.margin - rules_.lease_cut;
}

// ---- actions ----------------------------------------------------------------------------------------------------------

void Coordinator::move(PhaseEvent event) {
  const Phase next = next_phase(state_.phase, event).value();
  ++state_.moves[static_cast<size_t>(state_.phase)][static_cast<size_t>(next)];
  state_.phase = next;
}

void Coordinator::send(const AgentId& agent, CoordinatorMessage message) { act(SendTo{agent, std::move(message)}); }

void Coordinator::send_to_members(const CoordinatorMessage& message) {
  for (const auto& [id, member] : state_.generation->members) {
    const auto agent = state_.agents.find(id);
    if (!member.stopped && agent != state_.agents.end() && agent->second.connected) send(id, message);
  }
}

void Coordinator::record(std::string event, Fields fields) { act(Record{std::move(event), std::move(fields)}); }

}  // namespace fabric::rendezvous
