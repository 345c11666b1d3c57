#include "rendezvous/coordinator.h"

#include <algorithm>
#include <utility>

#include "rendezvous/placement.h"

namespace fabric::rendezvous {

namespace {

int64_t to_ms(Nanoseconds duration) { return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count(); }

std::string text_of(const GenerationId& generation) { return concat(generation); }

std::string budget_text(const Settings& settings) {
  if (settings.max_restarts == 0) return "";
  const std::string window = settings.restart_window > Nanoseconds(0)
                                 ? concat(" within ", to_ms(settings.restart_window), " ms")
                                 : std::string();
  return concat("; all ", settings.max_restarts, " restarts", window, " are used up");
}

void keep_earliest(std::optional<TimePoint>& earliest, TimePoint candidate) {
  if (!earliest || candidate < *earliest) earliest = candidate;
}

}  // namespace

std::vector<Action> Coordinator::handle(const Event& event, TimePoint now) {
  actions_.clear();
  now_ = now;
  if (state_.phase == Phase::kFinished) return {};
  if (!state_.gathering_since) state_.gathering_since = now;
  expire_leases();
  expire_step_stop();
  std::visit([this](const auto& e) { on(e); }, event);
  expire_patience();
  advance();
  return std::exchange(actions_, {});
}

std::optional<TimePoint> Coordinator::next_deadline() const {
  std::optional<TimePoint> next;
  if (state_.phase == Phase::kFinished) return next;
  for (const auto& [id, agent] : state_.agents) keep_earliest(next, lease_end(agent));
  if (state_.phase == Phase::kHalting) keep_earliest(next, state_.step_stop->deadline);
  if (state_.stopping) {
    const auto& members = state_.generation->members;
    const bool patient = std::any_of(members.begin(), members.end(), [this](const auto& member) {
      const auto agent = state_.agents.find(member.first);
      return !member.second.stopped && agent != state_.agents.end() && agent->second.connected;
    });
    if (patient) keep_earliest(next, state_.stopping->patience_ends);
  }
  if (state_.phase == Phase::kGathering && state_.gathering_since) {
    keep_earliest(next, *state_.gathering_since + settings_.rendezvous_timeout);
    if (state_.enough_since) keep_earliest(next, *state_.enough_since + settings_.last_call);
  }
  return next;
}

// ---- events -----------------------------------------------------------------------------------------------------------

void Coordinator::on(const AgentJoined& event) {
  const auto [at, is_new] = state_.agents.try_emplace(event.agent);
  Agent& agent = at->second;
  if (!is_new && agent.connected) return;
  if (is_new) agent.join_order = ++state_.joins;
  agent.node = event.node;
  agent.connected = true;
  agent.why_lost.clear();
  agent.clock = {};  // its machine may have been started again
  agent.last_acknowledged = now_;
  record("agent_joined", {{"agent", event.agent.value}, {"node", event.node.hostname}});
  send(event.agent, Welcome{to_ms(settings_.heartbeat_interval), to_ms(settings_.lease)});
  // Back while its ranks of the stopped generation may run: with its word the next one starts before its lease ends.
  if (state_.stopping && is_part_of_current(event.agent) && !state_.generation->members.at(event.agent).stopped) {
    send(event.agent, StopGeneration{state_.generation->id, 0, state_.stopping->reason});
  }
}

void Coordinator::on(const AgentLost& event) {
  const auto agent = state_.agents.find(event.agent);
  if (agent != state_.agents.end() && agent->second.connected) lose(event.agent, event.reason);
}

void Coordinator::on(const AgentGone& event) {
  if (is_part_of_current(event.agent)) state_.generation->members.at(event.agent).stopped = true;
  on(AgentLost{event.agent, event.reason});
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
  if (membership(agent, message.generation) == nullptr) return;
  if (message.phase == RankPhase::kStep) return note_step(state_.restarts, message.step);
  record(message.phase == RankPhase::kReady ? "rank_ready" : "rank_started",
         {{"generation", text_of(message.generation)},
          {"rank", message.global_rank},
          {"node", state_.agents.at(agent).node.hostname},
          {"pid", message.pid}});
}

void Coordinator::on_message(const AgentId& agent, const RankExited& message) {
  const Membership* member = membership(agent, message.generation);
  if (member == nullptr) return;
  observe_clock(agent, message.report.time_ns);
  ExitReport report = message.report;
  report.node_rank = member->node_rank;
  auto& reports = state_.generation->reports;
  if (!is_rank_of(*member, report.global_rank) || has_exited(report.global_rank)) {
    ++state_.stale_messages;
    return;
  }
  reports.push_back(report);
  note_step(state_.restarts, report.last_step);
  record("rank_exited", {{"generation", text_of(message.generation)},
                         {"rank", report.global_rank},
                         {"node", report.hostname},
                         {"exit_code", report.exit_code},
                         {"signal", report.signal},
                         {"killed_by_us", report.killed_by_us ? 1 : 0},
                         {"step", report.last_step},
                         {"ended_ns", report.time_ns},
                         {"description", describe(report)}});
  if (is_failure(report)) return stop_generation(describe(report), Nanoseconds(0));
  agree_on_step();
}

void Coordinator::on_message(const AgentId& agent, const GenerationStopped& message) {
  Membership* member = membership(agent, message.generation);
  if (member == nullptr || member->stopped) return;
  member->stopped = true;
  if (state_.phase != Phase::kStopping && !all_ranks_reported_well(*member)) {
    stop_generation(concat("the ranks of agent ", agent, " are gone"), Nanoseconds(0));
  }
}

void Coordinator::on_message(const AgentId& agent, const RanksSignaled& message) {
  if (membership(agent, message.generation) == nullptr) return;
  record("ranks_signaled", {{"generation", text_of(message.generation)},
                            {"node", state_.agents.at(agent).node.hostname},
                            {"signal", message.signal},
                            {"ranks", message.num_ranks}});
}

void Coordinator::on_message(const AgentId& agent, const Goodbye& message) {
  if (is_part_of_current(agent)) state_.generation->members.at(agent).stopped = true;
  lose(agent, message.reason);
}

// ---- time -------------------------------------------------------------------------------------------------------------

void Coordinator::expire_leases() {
  std::vector<AgentId> silent;
  for (const auto& [id, agent] : state_.agents) {
    if (agent.connected && lease_end(agent) <= now_) silent.push_back(id);
  }
  for (const AgentId& id : silent) {
    const std::string reason = concat("no heartbeat for ", to_ms(settings_.lease + settings_.margin), " ms");
    act(DropAgent{id, reason});
    lose(id, reason);
  }
}

void Coordinator::advance() {
  if (has_ranks(state_.phase)) {
    const auto& members = state_.generation->members;
    const bool over = std::none_of(members.begin(), members.end(),
                                   [this](const auto& member) { return may_be_alive(member.first, member.second); });
    if (over) conclude();
  }
  forget_departed();
  if (state_.phase == Phase::kGathering) gather();
}

void Coordinator::gather() {
  if (state_.stop_requested) {
    const StopRequested& stop = *state_.stop_requested;
    return finish(stop.exit_code, stop.reason, std::nullopt);
  }
  const int connected = num_connected();
  if (connected < settings_.min_nodes) {
    state_.enough_since.reset();
  } else if (!state_.enough_since) {
    state_.enough_since = now_;
  }
  if (connected >= settings_.max_nodes || is_last_call_over()) return start_generation();
  if (now_ >= *state_.gathering_since + settings_.rendezvous_timeout) finish_gathering_late();
}

void Coordinator::finish_gathering_late() {
  if (state_.enough_since) return start_generation();
  const std::string reason = roll_call();
  record("rendezvous_timeout", {{"reason", reason}});
  finish(exit_code::kRendezvousTimeout, reason, std::nullopt);
}

void Coordinator::conclude() {
  close_store();
  record("generation_stopped", {{"generation", text_of(state_.generation->id)}});
  use_coordinator_time(*state_.generation);
  const Verdict verdict = judge(*state_.generation, settings_.ranks_per_node);
  remember_failure(verdict);
  state_.stopping.reset();
  if (state_.stop_requested) return finish_stopped(verdict);
  switch (verdict.kind) {
    case Verdict::Kind::kCompleted:
      return finish(exit_code::kSuccess, "all ranks ended with 0", std::nullopt);
    case Verdict::Kind::kRequeue:
      return finish(exit_code::kRequeue, "all ranks stopped at an agreed step", std::nullopt);
    case Verdict::Kind::kNodeLost:
      return gather_again();
    case Verdict::Kind::kFailed:
      return restart_or_finish(verdict);
  }
}

// ---- generations ------------------------------------------------------------------------------------------------------

void Coordinator::start_generation() {
  const std::map<AgentId, int> ranks = place_nodes(state_.agents, settings_.max_nodes);
  const uint32_t counter = state_.generation ? state_.generation->id.counter + 1 : 1;
  state_.generation = Generation{{settings_.term, counter}, {}, {}, true};
  move(PhaseEvent::kGathered);
  act(OpenStore{state_.generation->id});
  const int num_nodes = static_cast<int>(ranks.size());
  record("generation_started", {{"generation", text_of(state_.generation->id)},
                                {"world_size", num_nodes * settings_.ranks_per_node},
                                {"num_nodes", num_nodes},
                                {"restart_count", state_.restarts.restart_count}});
  for (const auto& [id, node_rank] : ranks) {
    state_.agents.at(id).node_rank = node_rank;
    state_.generation->members[id] = {.node_rank = node_rank, .clock_offset = state_.agents.at(id).clock.estimate()};
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
  return plan;
}

void Coordinator::close_store() {
  if (!std::exchange(state_.generation->store_open, false)) return;
  act(CloseStore{state_.generation->id});
}

void Coordinator::lose(const AgentId& id, const std::string& reason) {
  Agent& agent = state_.agents.at(id);
  agent.connected = false;
  agent.why_lost = reason;
  record("agent_lost", {{"agent", id.value}, {"node", agent.node.hostname}, {"reason", reason}});
  if (!has_ranks(state_.phase) || !is_part_of_current(id)) return;
  Membership& member = state_.generation->members.at(id);
  member.lost = true;
  if (!member.stopped || !all_ranks_reported_well(member)) {
    stop_generation(concat("agent ", id, " on ", agent.node.hostname, " is lost: ", reason), Nanoseconds(0));
  }
}

// Keeps only those lost agents whose ranks may be alive.
void Coordinator::forget_departed() {
  const bool may_have_ranks = has_ranks(state_.phase);
  std::erase_if(state_.agents, [&](const auto& entry) {
    const auto& [id, agent] = entry;
    if (agent.connected) return false;
    if (may_have_ranks && is_part_of_current(id) && may_be_alive(id, state_.generation->members.at(id))) return false;
    state_.departures.push_back({id, agent.node.hostname, agent.last_acknowledged, agent.why_lost});
    return true;
  });
  while (state_.departures.size() > State::kMaxDepartures) state_.departures.erase(state_.departures.begin());
}

void Coordinator::restart_or_finish(const Verdict& verdict) {
  const ExitReport& cause = *verdict.first_cause;
  const std::string what = describe(cause);
  if (cause.shell_code() == exit_code::kBadJob) return finish(cause.shell_code(), what, cause);
  const RestartHistory& history = state_.restarts;
  switch (ask_restart(state_.restarts, settings_, now_)) {
    case RestartAnswer::kUsedUp:
      return finish(cause.shell_code(), what + budget_text(settings_), cause);
    case RestartAnswer::kNoProgress:
      return finish(exit_code::kNoProgress,
                    concat(what, "; restarting makes no progress: no rank came beyond step ", history.furthest_step,
                           " in the last ", history.failures_without_progress, " generations"),
                    cause);
    case RestartAnswer::kGranted:
      record("restart", {{"reason", what}, {"restart_count", history.restart_count}});
      return gather_again();
  }
}

void Coordinator::gather_again() {
  move(PhaseEvent::kMayRunAgain);
  state_.gathering_since = now_;
  state_.enough_since.reset();
}

void Coordinator::finish(int code, std::string reason, std::optional<ExitReport> first_cause) {
  move(PhaseEvent::kGaveUp);
  for (const auto& [id, agent] : state_.agents) {
    if (agent.connected) send(id, Shutdown{code, reason});
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

// ---- queries ----------------------------------------------------------------------------------------------------------

// A time that is not known is 0.
void Coordinator::observe_clock(const AgentId& agent, int64_t sent_ns) {
  if (sent_ns <= 0) return;
  ClockOffset& clock = state_.agents.at(agent).clock;
  clock.observe(now_, sent_ns);
  if (is_part_of_current(agent)) state_.generation->members.at(agent).clock_offset = clock.estimate();
}

void Coordinator::remember_failure(const Verdict& verdict) {
  if (verdict.kind != Verdict::Kind::kFailed) return;
  const ExitReport& cause = *verdict.first_cause;
  state_.failures.push_back({state_.generation->id, cause.time_ns, cause.global_rank, describe(cause)});
  if (state_.failures.size() > State::kMaxFailures) state_.failures.erase(state_.failures.begin());
}

Membership* Coordinator::membership(const AgentId& agent, const GenerationId& generation) {
  if (has_ranks(state_.phase) && state_.generation->id == generation && is_part_of_current(agent)) {
    return &state_.generation->members.at(agent);
  }
  ++state_.stale_messages;
  return nullptr;
}

bool Coordinator::is_part_of_current(const AgentId& agent) const {
  return state_.generation && state_.generation->members.contains(agent);
}

bool Coordinator::is_rank_of(const Membership& member, int global_rank) const {
  const int local = global_rank - member.node_rank * settings_.ranks_per_node;
  return local >= 0 && local < settings_.ranks_per_node;
}

bool Coordinator::has_exited(int global_rank) const {
  const auto& reports = state_.generation->reports;
  return std::any_of(reports.begin(), reports.end(),
                     [&](const ExitReport& report) { return report.global_rank == global_rank; });
}

bool Coordinator::may_be_alive(const AgentId& id, const Membership& member) const {
  if (member.stopped) return false;
  const auto agent = state_.agents.find(id);
  return agent != state_.agents.end() && (agent->second.connected || lease_end(agent->second) > now_);
}

bool Coordinator::all_ranks_reported_well(const Membership& member) const {
  const auto well = std::count_if(
      state_.generation->reports.begin(), state_.generation->reports.end(), [&](const ExitReport& report) {
        return report.node_rank == member.node_rank && !report.killed_by_us && !is_failure(report);
      });
  return well == settings_.ranks_per_node;
}

TimePoint Coordinator::lease_end(const Agent& agent) const {
  return agent.last_acknowledged + settings_.lease + settings_.margin;
}

int Coordinator::num_connected() const {
  return static_cast<int>(std::count_if(state_.agents.begin(), state_.agents.end(),
                                        [](const auto& agent) { return agent.second.connected; }));
}

// Only the first generation waits for latecomers: later ones have lost time enough.
bool Coordinator::is_last_call_over() const {
  if (!state_.enough_since) return false;
  return state_.generation.has_value() || now_ >= *state_.enough_since + settings_.last_call;
}

std::string Coordinator::roll_call() const {
  std::string text = concat("needs ", settings_.min_nodes, " nodes, but only ", num_connected(), " came within ",
                            to_ms(settings_.rendezvous_timeout), " ms; present:");
  const auto heard = [this](TimePoint at) { return concat("last heard ", to_ms(now_ - at), " ms ago"); };
  for (const auto& [id, agent] : state_.agents) {
    if (!agent.connected) continue;
    text += concat(" ", id, " (", agent.node.hostname, ", ", heard(agent.last_acknowledged), ")");
  }
  if (num_connected() == 0) text += " nobody";
  text += concat("; missing: ", settings_.min_nodes - num_connected());
  for (const Departure& gone : state_.departures) {
    text += concat("; left: ", gone.agent, " (", gone.hostname, ", ", heard(gone.last_acknowledged), ", ", gone.reason,
                   ")");
  }
  return text + "; see that each node starts its agent and reaches this one, or raise the rendezvous timeout";
}

// ---- actions ----------------------------------------------------------------------------------------------------------

void Coordinator::move(PhaseEvent event) { state_.phase = next_phase(state_.phase, event).value(); }

void Coordinator::send(const AgentId& agent, CoordinatorMessage message) { act(SendTo{agent, std::move(message)}); }

void Coordinator::send_to_members(const CoordinatorMessage& message) {
  for (const auto& [id, member] : state_.generation->members) {
    const auto agent = state_.agents.find(id);
    if (!member.stopped && agent != state_.agents.end() && agent->second.connected) send(id, message);
  }
}

void Coordinator::record(std::string event, Fields fields) { act(Record{std::move(event), std::move(fields)}); }

}  // namespace fabric::rendezvous
