// Connections between agents and the coordinator, and all that happens to them and to nodes.

#include <algorithm>

#include "core/concat.h"
#include "rendezvous/simulation.h"

namespace fabric::rendezvous {

using namespace std::chrono_literals;

void Simulation::add_agent(const std::string& hostname) {
  const uint32_t index = static_cast<uint32_t>(agents_.size());
  SimAgent& agent = agents_.emplace_back();
  agent.id = {concat('n', index)};
  agent.hostname = hostname.empty() ? concat('h', index) : hostname;
  ++num_living_;
  push(ms(0, 900), {.kind = Kind::kConnect, .agent = index});
}

void Simulation::connect(uint32_t index) {
  SimAgent& agent = agents_[index];
  if (!agent.alive || agent.has_connection) return;
  agent.has_connection = true;
  agent.is_deaf = false;
  ++agent.epoch;
  agent.joined = now_;
  agent.beats.fill({});
  agent.up = agent.up_latest = agent.down = now_;
  say(index, Join{agent.id, {}});
  push(0ns, {.kind = Kind::kBeat, .agent = index, .epoch = agent.epoch});
}

void Simulation::disconnect(uint32_t index) {
  SimAgent& agent = agents_[index];
  if (!agent.has_connection) return;
  agent.has_connection = false;
  ++agent.epoch;
  push(ms(60, 1'000), {.kind = Kind::kConnect, .agent = index});
}

void Simulation::join_arrives(const Due& due) {
  SimAgent& agent = agents_[due.agent];
  if (agent.host_epoch == due.epoch) return;  // it came twice
  // Its former connection ends first, or another coordinator is asked.
  if (!coordinator_ || agent.host_epoch != 0) {
    return push(ms(1, 30), {.kind = Kind::kReset, .agent = due.agent, .epoch = due.epoch});
  }
  if (agent.epoch != due.epoch) return;
  agent.host_epoch = due.epoch;
  ++joins_;
  if (now_ < agent.flaps_until) {
    agent.is_deaf = true;
    push(ms(50, 300), {.kind = Kind::kBreaks, .agent = due.agent, .epoch = due.epoch});
  }
  NodeReport node;
  node.hostname = agent.hostname;
  handle(AgentJoined{agent.id, std::move(node)});
}

void Simulation::beat(const Due& due) {
  SimAgent& agent = agents_[due.agent];
  if (!agent.alive || agent.epoch != due.epoch) return;
  const TimePoint heard = std::max(agent.acknowledged, agent.joined);
  if (now_ - heard > 2 * scenario_.settings.lease) {  // nobody answers: the other end has gone
    push(ms(1, 200), {.kind = Kind::kLost, .agent = due.agent, .epoch = agent.epoch});
    return disconnect(due.agent);
  }
  agent.beats[++agent.sequence % agent.beats.size()] = now_;
  const bool is_lost = agent.is_deaf || (now_ < agent.loses_beats_until && dice_.chance(0.5));
  const Due beat{.kind = Kind::kBeatArrives, .agent = due.agent, .epoch = due.epoch, .data = agent.sequence};
  if (!is_lost) push_at(arrival(agent.cut_up_until, agent.up), beat);
  if (!is_lost && dice_.chance(scenario_.disorder)) push_at(arrival(agent.cut_up_until, agent.up), beat);
  push(scenario_.settings.heartbeat_interval, due);
}

void Simulation::ack_arrives(const Due& due) {
  SimAgent& agent = agents_[due.agent];
  if (agent.epoch != due.epoch || agent.sequence - due.data >= agent.beats.size()) return;
  const TimePoint sent = agent.beats[due.data % agent.beats.size()];
  agent.acknowledged = std::max(agent.acknowledged, sent);
}

// Most messages keep their order, a few come when they like; none crosses a cut before it is mended.
TimePoint Simulation::arrival(TimePoint cut_until, TimePoint& last) {
  const TimePoint at = std::max(now_, cut_until) + (dice_.chance(scenario_.late) ? ms(30, 800) : ms(1, 30));
  if (dice_.chance(scenario_.disorder)) return at;
  last = std::max(last, at);
  return last;
}

void Simulation::say(uint32_t index, const AgentMessage& message) {
  SimAgent& agent = agents_[index];
  if (!agent.has_connection || agent.is_deaf) return;
  // Nothing is overtaken by the word that nothing more will come.
  const bool is_last = std::holds_alternative<GenerationStopped>(message) || std::holds_alternative<Goodbye>(message);
  for (int copies = dice_.chance(scenario_.disorder) ? 2 : 1; copies > 0; --copies) {
    if (free_up_.empty()) {
      free_up_.push_back(static_cast<uint32_t>(up_.size()));
      up_.emplace_back();
    }
    const uint32_t place = free_up_.back();
    free_up_.pop_back();
    up_[place] = message;
    TimePoint at = arrival(agent.cut_up_until, agent.up);
    if (is_last) at = std::max(at, agent.up_latest);
    agent.up_latest = std::max(agent.up_latest, at);
    push_at(at, {.kind = Kind::kArrivesUp, .agent = index, .epoch = agent.epoch, .data = place});
  }
}

void Simulation::tell(uint32_t index, const CoordinatorMessage& message) {
  SimAgent& agent = agents_[index];
  if (agent.host_epoch == 0 || (agent.is_deaf && agent.host_epoch == agent.epoch)) return;
  for (int copies = dice_.chance(scenario_.disorder) ? 2 : 1; copies > 0; --copies) {
    if (free_down_.empty()) {
      free_down_.push_back(static_cast<uint32_t>(down_.size()));
      down_.emplace_back();
    }
    const uint32_t place = free_down_.back();
    free_down_.pop_back();
    down_[place] = message;
    push_at(arrival(agent.cut_down_until, agent.down),
            {.kind = Kind::kArrivesDown, .agent = index, .epoch = agent.host_epoch, .data = place});
  }
}

void Simulation::arrives_up(const Due& due) {
  free_up_.push_back(static_cast<uint32_t>(due.data));
  const AgentMessage message = std::move(up_[due.data]);
  if (std::holds_alternative<Join>(message)) return join_arrives(due);
  SimAgent& agent = agents_[due.agent];
  if (!coordinator_ || agent.host_epoch != due.epoch) return;
  if (std::holds_alternative<Goodbye>(message)) agent.host_epoch = 0;
  handle(MessageFrom{agent.id, message});
}

void Simulation::arrives_down(const Due& due) {
  free_down_.push_back(static_cast<uint32_t>(due.data));
  const CoordinatorMessage message = std::move(down_[due.data]);
  const SimAgent& agent = agents_[due.agent];
  if (!agent.alive || agent.epoch != due.epoch) return;
  std::visit([&](const auto& one) { receive(due.agent, one); }, message);
}

// ---- faults ------------------------------------------------------------------------------------------------------------

void Simulation::happen(const Fault& fault) {
  ++counts_.faults[static_cast<size_t>(fault.kind)];
  if (keeps_history_) remember(describe(fault));
  switch (fault.kind) {
    case FaultKind::kJoins:
      return add_agent();
    case FaultKind::kStops:
    case FaultKind::kStopsAtOnce:
      return push(0ns, {.kind = Kind::kAsksToStop, .data = fault.kind == FaultKind::kStopsAtOnce ? 1u : 0u});
    case FaultKind::kCrashes:
      return crash_soon(dice_.between(0, 12), fault.duration);
    case FaultKind::kIsCutOff:
      for (uint32_t i = fault.agent; i < std::min<size_t>(fault.agent + 4, agents_.size()); ++i) {
        cut(agents_[i], fault.duration);
      }
      return;
    case FaultKind::kPauses:
      return pause(fault.duration);
    default:
      if (fault.agent < agents_.size() && agents_[fault.agent].alive) happen_to(fault.agent, fault);
  }
}

void Simulation::happen_to(uint32_t index, const Fault& fault) {
  SimAgent& agent = agents_[index];
  switch (fault.kind) {
    case FaultKind::kDies:
      return die(index, fault);
    case FaultKind::kBreaks:
      return break_connection(index);
    case FaultKind::kFlaps:
      agent.flaps_until = now_ + fault.duration;
      return break_connection(index);
    case FaultKind::kHearsNothing:
      agent.cut_down_until = std::max(agent.cut_down_until, now_ + fault.duration);
      return;
    case FaultKind::kIsNotHeard:
      agent.cut_up_until = std::max(agent.cut_up_until, now_ + fault.duration);
      return;
    case FaultKind::kGoesDeaf:
      agent.is_deaf = true;
      return;
    case FaultKind::kHangs:
      agent.hangs_until = now_ + fault.duration;
      return;
    case FaultKind::kFreezes:
      return freeze(index, fault);
    case FaultKind::kLosesBeats:
      agent.loses_beats_until = now_ + fault.duration;
      return;
    case FaultKind::kRankFails:
      return fail_rank(index);
    case FaultKind::kLies:
      agent.is_lying = true;
      return lie(index);
    case FaultKind::kLeaves:
      agent.is_leaving = true;
      if (agent.num_alive == 0) return push(0ns, {.kind = Kind::kSaysGoodbye, .agent = index});
      return kill_ranks(index);
    default:
      return;
  }
}

void Simulation::cut(SimAgent& agent, Nanoseconds duration) {
  agent.cut_up_until = std::max(agent.cut_up_until, now_ + duration);
  agent.cut_down_until = std::max(agent.cut_down_until, now_ + duration);
}

void Simulation::break_connection(uint32_t index) {
  const SimAgent& agent = agents_[index];
  if (!agent.has_connection) return;
  push(ms(1, 50), {.kind = Kind::kLost, .agent = index, .epoch = agent.epoch});
  disconnect(index);
}

void Simulation::pause(Nanoseconds duration) {
  if (!coordinator_) return;
  paused_until_ = std::max(paused_until_, now_ + duration);
  if (must_end_by_) must_end_by_ = *must_end_by_ + duration;
}

void Simulation::vanish(SimAgent& agent) {
  if (std::exchange(agent.alive, false)) --num_living_;
  agent.has_connection = false;
  ++agent.epoch;
}

void Simulation::die(uint32_t index, const Fault& fault) {
  SimAgent& agent = agents_[index];
  if (agent.num_alive > 0) impaired_.insert(agent.generation);
  kill_at_once(index);
  const Kind how = dice_.chance(0.3) ? Kind::kGone : Kind::kLost;
  if (dice_.chance(0.6)) push(ms(1, 50), {.kind = how, .agent = index, .epoch = agent.host_epoch});
  vanish(agent);
  if (fault.duration > 0ns) add_agent(std::string(agent.hostname));
}

// Its ranks stand still: they run again when it goes on, unless their lease has ended meanwhile.
void Simulation::freeze(uint32_t index, const Fault& fault) {
  SimAgent& agent = agents_[index];
  agent.frozen_until = std::max(agent.frozen_until, now_ + fault.duration);
  set_running(agent, false);
  push_at(agent.frozen_until, {.kind = Kind::kThaws, .agent = index});
}

// Before its supervisor looks at the clock, a rank may have done something.
void Simulation::thaw(uint32_t index) {
  SimAgent& agent = agents_[index];
  if (!agent.alive || now_ < agent.frozen_until || agent.num_alive == 0) return;
  write(index, agent.generation);
  if (agent.acknowledged + scenario_.settings.lease + scenario_.overstay <= now_) {
    impaired_.insert(agent.generation);
    failed_.insert(agent.generation);
    kill_at_once(index);
    return stopped(index, agent.generation);
  }
  set_running(agent, true);
}

void Simulation::lie(uint32_t index) {
  SimAgent& agent = agents_[index];
  if (told_.generation.counter == 0) return;
  GenerationId old = told_.generation;
  if (old.counter > 1) {
    --old.counter;
  } else if (old.term > 1) {
    --old.term;
  } else {
    return;
  }
  ExitReport report;
  report.global_rank = agent.last_node_rank.value_or(0) * scenario_.settings.ranks_per_node;
  say(index, RankProgress{old, report.global_rank, RankPhase::kStep, 1, 1'000'000, 0});
  say(index, RankReached{old, report.global_rank, 1'000'000});
  say(index, RankExited{old, report});
  say(index, GenerationStopped{old});
  write(index, old);
}

void Simulation::leave(uint32_t index) {
  SimAgent& agent = agents_[index];
  if (!agent.alive) return;
  say(index, Goodbye{"the node is taken away"});
  vanish(agent);
  push(ms(900, 1'000), {.kind = Kind::kLost, .agent = index, .epoch = agent.host_epoch});
}

void Simulation::fail_rank(uint32_t index) {
  SimAgent& agent = agents_[index];
  for (size_t i = 0; i < agent.ranks.size(); ++i) {
    if (!agent.ranks[i].alive || agent.killing) continue;
    impaired_.insert(agent.generation);
    failed_.insert(agent.generation);
    failed_on_.insert({agent.generation, agent.hostname});
    ExitReport report;
    report.exit_code = 7;
    report.last_step = step_of(agent);
    return end_rank(index, i, report);
  }
}

}  // namespace fabric::rendezvous
