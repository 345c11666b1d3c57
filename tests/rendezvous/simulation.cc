// The world of a simulation: what happens when, and the host of the coordinator, which may crash between any two actions.

#include "rendezvous/simulation.h"

#include <algorithm>
#include <charconv>

#include "core/concat.h"
#include "rendezvous/action_text.h"
#include "rendezvous/event_log.h"

namespace fabric::rendezvous {

using namespace std::chrono_literals;

namespace {

constexpr size_t kMaxHistory = 400;

bool is_worth_telling(const Event& event) {
  if (std::holds_alternative<Tick>(event)) return false;
  const auto* message = std::get_if<MessageFrom>(&event);
  return message == nullptr || !std::holds_alternative<Heartbeat>(message->message);
}

bool is_worth_telling(const Action& action) {
  const auto* send = std::get_if<SendTo>(&action);
  return send == nullptr || !std::holds_alternative<HeartbeatAck>(send->message);
}

// By when a job must be over: its last fault has passed, then a generation is stopped, another one gathers, and does all the work.
Nanoseconds most_time(const Scenario& scenario) {
  Nanoseconds last{0};
  for (const Fault& fault : scenario.faults) last = std::max(last, fault.at + fault.duration);
  const Settings& settings = scenario.settings;
  const Nanoseconds work = 600ms + 50ms * scenario.total_steps;
  const Nanoseconds stop = settings.stop_timeout + settings.grace + settings.stop_patience + settings.lease;
  return last + stop + settings.rendezvous_timeout + work + scenario.slack;
}

}  // namespace

void SimulationCounts::add(const SimulationCounts& other) {
  events += other.events;
  coordinator_events += other.coordinator_events;
  generations += other.generations;
  crashes += other.crashes;
  messages += other.messages;
  scale_ups += other.scale_ups;
  benched += other.benched;
  for (size_t i = 0; i < transitions.size(); ++i) transitions[i] += other.transitions[i];
  for (size_t i = 0; i < faults.size(); ++i) faults[i] += other.faults[i];
}

Simulation::Simulation(Scenario scenario, Rules rules)
    : scenario_(std::move(scenario)), rules_(rules), dice_(scenario_.seed ^ 0xFAB) {}

std::string Simulation::run() {
  come_back();
  for (int i = 0; i < scenario_.num_agents; ++i) add_agent();
  for (size_t i = 0; i < scenario_.faults.size(); ++i) {
    push(scenario_.faults[i].at, {.kind = Kind::kFault, .data = i});
  }
  const uint64_t most_events = 200'000 + 5'000 * static_cast<uint64_t>(scenario_.num_agents);
  const TimePoint end = start_ + most_time(scenario_);
  while (!is_over() && broken_.empty()) {
    ++counts_.events;
    const std::optional<TimePoint> tick = next_tick();
    if (tick && (due_.empty() || *tick <= due_.top().at)) {
      now_ = std::max(now_, *tick);
      handle(Tick{});
    } else if (!due_.empty()) {
      const Due next = due_.top();
      due_.pop();
      now_ = next.at;
      if (!is_put_off(next)) step(next);
    } else {
      broken("a run must end");
    }
    if ((!outcome_ && now_ > end) || counts_.events > most_events) broken("a run must end");
    if (outcome_ && now_ > end + 60s) broken("each agent must hear of the end");
  }
  if (broken_.empty()) check_end();
  return broken_;
}

// A busy machine is late.
std::optional<TimePoint> Simulation::next_tick() {
  const std::optional<TimePoint> deadline = coordinator_ ? coordinator_->next_deadline() : std::nullopt;
  if (!deadline) return std::nullopt;
  if (deadline != tick_for_) {
    tick_for_ = deadline;
    tick_late_ = dice_.chance(scenario_.late_ticks) ? ms(500, 1'500) : ms(0, 20);
  }
  return std::max(*deadline + tick_late_, paused_until_);
}

void Simulation::push(Nanoseconds delay, Due due) { push_at(now_ + delay, due); }

void Simulation::push_at(TimePoint at, Due due) {
  due.at = at;
  due.order = ++order_;
  due_.push(due);
}

// A node that is frozen does nothing, a link that hangs neither hears nor speaks, a coordinator that pauses finds all later.
bool Simulation::is_put_off(const Due& due) {
  const bool is_of_world = due.kind == Kind::kFault || due.kind == Kind::kReturns || due.kind == Kind::kAsksToStop;
  const bool is_of_host = due.kind == Kind::kBeatArrives || due.kind == Kind::kArrivesUp || due.kind == Kind::kLost ||
                          due.kind == Kind::kGone || due.kind == Kind::kWriteArrives;
  if ((is_of_host || due.kind == Kind::kAsksToStop) && now_ < paused_until_) {
    push_at(paused_until_ + 1us, due);
    return true;
  }
  if (is_of_world || is_of_host || due.kind == Kind::kThaws) return false;
  const SimAgent& agent = agents_[due.agent];
  const bool is_of_link = due.kind == Kind::kConnect || due.kind == Kind::kBeat || due.kind == Kind::kAckArrives ||
                          due.kind == Kind::kArrivesDown || due.kind == Kind::kReset || due.kind == Kind::kBreaks ||
                          due.kind == Kind::kSaysGoodbye;
  const TimePoint until = is_of_link ? std::max(agent.hangs_until, agent.frozen_until) : agent.frozen_until;
  if (now_ >= until) return false;
  push_at(until + 1us, due);
  return true;
}

void Simulation::step(const Due& due) {
  SimAgent& agent = agents_[due.agent];
  switch (due.kind) {
    case Kind::kConnect:
      return connect(due.agent);
    case Kind::kBeat:
      return beat(due);
    case Kind::kBeatArrives:
      if (coordinator_ && agent.host_epoch == due.epoch) handle(MessageFrom{agent.id, Heartbeat{due.data}});
      return;
    case Kind::kAckArrives:
      return ack_arrives(due);
    case Kind::kArrivesUp:
      return arrives_up(due);
    case Kind::kArrivesDown:
      return arrives_down(due);
    case Kind::kReset:
      if (agent.epoch == due.epoch) disconnect(due.agent);
      return;
    case Kind::kBreaks:
      if (agent.epoch == due.epoch) break_connection(due.agent);
      return;
    case Kind::kLeaseEnds:
      return lease_ends(due.agent);
    case Kind::kThaws:
      return thaw(due.agent);
    case Kind::kSaysGoodbye:
      return leave(due.agent);
    case Kind::kLost:
    case Kind::kGone:
    case Kind::kFault:
    case Kind::kReturns:
    case Kind::kAsksToStop:
    case Kind::kWriteArrives:
      return step_world(due);
    default:
      if (agent.alive && agent.generation == due.generation) step_rank(agent, due);
  }
}

void Simulation::step_world(const Due& due) {
  if (due.kind == Kind::kFault) return happen(scenario_.faults[due.data]);
  if (due.kind == Kind::kReturns) return come_back();
  if (due.kind == Kind::kWriteArrives) return check_write(due.generation);
  if (due.kind == Kind::kAsksToStop) {
    if (coordinator_) handle(StopRequested{"asked", 130, due.data == 1});
    return;
  }
  SimAgent& agent = agents_[due.agent];
  if (!coordinator_ || agent.host_epoch != due.epoch) return;
  agent.host_epoch = 0;
  if (due.kind == Kind::kGone) return handle(AgentGone{agent.id, "its machine is off"});
  handle(AgentLost{agent.id, "connection reset"});
}

void Simulation::step_rank(SimAgent& agent, const Due& due) {
  switch (due.kind) {
    case Kind::kFirstStep:
      for (const SimRank& rank : agent.ranks) {
        if (!rank.alive) continue;
        first_step_of_ = std::max(first_step_of_, agent.generation);
        write(due.agent, agent.generation);
        say(due.agent, RankProgress{agent.generation, rank.global_rank, RankPhase::kStep, 1, step_of(agent), 0});
      }
      if (agent.is_lying) lie(due.agent);
      if (agent.num_alive > 0) push(400ms, due);
      return;
    case Kind::kRankEnds:
      return rank_ends(due);
    case Kind::kRankIsDead: {
      ExitReport report;
      report.signal = SIGKILL;
      report.killed_by_us = true;
      return end_rank(due.agent, due.rank, report);
    }
    case Kind::kGraceEnds:
      return kill_ranks(due.agent);
    case Kind::kAnswers:
      return answer(due);
    case Kind::kReachesStep:
      return reach_step(due);
    default:
      return;
  }
}

// ---- the host of the coordinator ---------------------------------------------------------------------------------------

void Simulation::handle(const Event& event) {
  ++counts_.coordinator_events;
  if (keeps_history_ && is_worth_telling(event)) remember(to_line(event, now_));
  const Phase before = coordinator_->state().phase;
  note(event);
  const std::vector<Action> actions = coordinator_->handle(event, now_);
  const bool is_late = gathers_since_ && now_ - *gathers_since_ >= scenario_.settings.rendezvous_timeout;
  count_transitions({scenario_.settings, event, actions, before, told_.world_size == 0, returned_ended_, is_late},
                    counts_.transitions);
  check_departures(event, actions);
  plans_.clear();
  for (const Action& action : actions) {
    if (crash_after_ == 0) return crash(action);
    if (crash_after_ > 0) --crash_after_;
    if (keeps_history_ && is_worth_telling(action)) remember(concat("    ", text_of(action)));
    if (!perform(action)) return;
  }
  if (!plans_.empty()) check_generation();
  check_stopping();
}

bool Simulation::perform(const Action& action) {
  if (const auto* send = std::get_if<SendTo>(&action)) {
    perform_send(*send);
  } else if (const auto* dropped = std::get_if<DropAgent>(&action)) {
    note_drop(index_of(dropped->agent));
    drop(index_of(dropped->agent), ms(1, 50));
  } else if (const auto* record = std::get_if<Record>(&action)) {
    note_record(*record);
  } else if (const auto* open = std::get_if<OpenStore>(&action)) {
    open_stores_.insert(open->generation);
  } else if (const auto* close = std::get_if<CloseStore>(&action)) {
    open_stores_.erase(close->generation);
  } else if (const auto* journal = std::get_if<WriteJournal>(&action)) {
    journal_ += to_line(journal->entry) + '\n';
    std::visit([this](const auto& entry) { note_entry(entry); }, journal->entry);
    const bool is_end = std::holds_alternative<JobEnded>(journal->entry);
    if (is_end && !returned_ended_ && dice_.chance(scenario_.crashes_at_end)) crash_soon(0, ms(20, 500));
  } else if (const auto* finished = std::get_if<JobFinished>(&action)) {
    if (outcome_) return broken_.empty();  // a coordinator that returned after the end
    outcome_ = finished->outcome;
    check_outcome();
  }
  return broken_.empty();
}

void Simulation::perform_send(const SendTo& action) {
  const uint32_t index = index_of(action.agent);
  if (const auto* ack = std::get_if<HeartbeatAck>(&action.message)) {
    SimAgent& agent = agents_[index];
    note_answer(agent);
    if (agent.is_deaf || (now_ < agent.loses_beats_until && dice_.chance(0.5))) return;
    return push_at(arrival(agent.cut_down_until, agent.down),
                   {.kind = Kind::kAckArrives, .agent = index, .epoch = agent.host_epoch, .data = ack->sequence});
  }
  ++counts_.messages;
  if (std::holds_alternative<Welcome>(action.message)) note_answer(agents_[index]);
  if (const auto* start = std::get_if<StartGeneration>(&action.message)) check_start(action, start->plan);
  if (std::holds_alternative<Shutdown>(action.message)) {
    ++shutdowns_;
    agents_[index].was_dismissed = true;
  }
  tell(index, action.message);
}

// The host closes a connection: the agent is told, unless nothing reaches it.
void Simulation::drop(uint32_t index, Nanoseconds delay) {
  SimAgent& agent = agents_[index];
  if (agent.host_epoch == 0) return;
  if (!agent.is_deaf || agent.epoch != agent.host_epoch) {
    const TimePoint at = std::max(now_ + delay, agent.cut_down_until);
    push_at(at, {.kind = Kind::kReset, .agent = index, .epoch = agent.host_epoch});
  }
  agent.host_epoch = 0;
}

void Simulation::crash_soon(int64_t actions, Nanoseconds away) {
  crash_after_ = actions;
  away_ = away;
}

// Of an entry that was being written any part may be on the disk.
void Simulation::crash(const Action& during) {
  ++counts_.crashes;
  remember("the coordinator crashes");
  if (const auto* journal = std::get_if<WriteJournal>(&during)) {
    const std::string line = to_line(journal->entry);
    journal_ += line.substr(0, static_cast<size_t>(dice_.between(0, static_cast<int64_t>(line.size()))));
  }
  crash_after_ = -1;
  paused_until_ = {};
  coordinator_.reset();
  open_stores_.clear();
  for (uint32_t i = 0; i < agents_.size(); ++i) drop(i, ms(1, 50));
  push(away_, {.kind = Kind::kReturns});
}

void Simulation::come_back() {
  journal_.resize(journal_.rfind('\n') + 1);
  const Journal journal = read_journal(journal_).value();
  returned_ended_ = journal.ended.has_value();
  coordinator_.emplace(scenario_.settings, journal, rules_);
  tick_for_.reset();
  note_return();
  handle(Tick{});
}

uint32_t Simulation::index_of(const AgentId& id) const {
  uint32_t index = 0;
  std::from_chars(id.value.data() + 1, id.value.data() + id.value.size(), index);
  return index;
}

void Simulation::remember(const std::string& text) {
  if (!keeps_history_) return;
  history_.push_back(concat((now_ - start_).count() / 1'000'000, " ms: ", text));
  if (history_.size() > kMaxHistory) history_.pop_front();
}

}  // namespace fabric::rendezvous
