#include "rendezvous/simulation.h"

#include <algorithm>
#include <tuple>

#include "core/concat.h"

namespace fabric::rendezvous {

using namespace std::chrono_literals;

Simulation::Simulation(uint64_t seed, Faults faults) : faults_(faults), random_(seed) {
  settings_.max_nodes = static_cast<int>(1 + random_() % 4);
  settings_.min_nodes = static_cast<int>(1 + random_() % static_cast<uint64_t>(settings_.max_nodes));
  settings_.ranks_per_node = static_cast<int>(1 + random_() % 3);
  settings_.max_restarts = static_cast<int>(random_() % 6);
  settings_.restart_window = std::chrono::seconds(random_() % 2 * 5);
  settings_.max_failures_without_progress = static_cast<int>(random_() % 4);
  settings_.stop_timeout = std::chrono::seconds(random_() % 3 * 2);
  settings_.rendezvous_timeout = 10s;
  settings_.grace = 3s;
  coordinator_.emplace(settings_);
}

std::string Simulation::run() {
  handle(Tick{});
  const int initial = settings_.max_nodes + static_cast<int>(random_() % 2);
  for (int i = 0; i < initial; ++i) after(between(0, 900), [this] { add_agent(); });
  for (int i = 0; i < 2; ++i) after(between(1'000, 20'000), [this] { add_agent(); });
  if (chance(faults_.stop_requested)) {
    after(between(0, 10'000), [this] { handle(StopRequested{"asked", 130, chance(0.5)}); });
  }
  while (!outcome_ && broken_.empty()) {
    const std::optional<TimePoint> deadline = coordinator_->next_deadline();
    if (deadline && (due_.empty() || *deadline <= due_.top().at)) {
      now_ = std::max(now_, *deadline);
      handle(Tick{});
    } else {
      const Due next = due_.top();
      due_.pop();
      now_ = next.at;
      next.what();
    }
    if (now_ - start_ > 30min) broken("a run must end");
  }
  return broken_;
}

void Simulation::after(Nanoseconds delay, std::function<void()> what) {
  due_.push({now_ + delay, ++order_, std::move(what)});
}

Nanoseconds Simulation::between(int64_t least_ms, int64_t most_ms) {
  return std::chrono::microseconds(std::uniform_int_distribution<int64_t>(least_ms * 1'000, most_ms * 1'000)(random_));
}

// ---- agents and their network ------------------------------------------------------------------------------------------

void Simulation::add_agent() {
  const std::string name = concat("agent-", agents_.size());
  agents_[name];
  connect(name);
  plan_faults(name);
}

void Simulation::plan_faults(const std::string& name) {
  const int64_t until_ms = std::chrono::duration_cast<std::chrono::milliseconds>(faults_.until).count();
  if (chance(faults_.agent_dies)) after(between(0, until_ms), [=, this] { die(name); });
  if (chance(faults_.connection_breaks)) after(between(0, until_ms), [=, this] { break_connection(name); });
  if (chance(faults_.agent_hangs)) {
    after(between(0, until_ms), [=, this] {
      agents_[name].hangs = true;
      after(between(100, 4'000), [=, this] { agents_[name].hangs = false; });
    });
  }
}

void Simulation::connect(const std::string& name) {
  SimAgent& agent = agents_[name];
  if (!agent.alive) return;
  static_cast<void>(++agent.connection);
  agent.joined = now_;
  const int connection = agent.connection;
  agent.up = now_ + between(1, 20);
  due_.push({agent.up, ++order_, [=, this] {
               if (agents_[name].connection == connection) handle(AgentJoined{{name}, {}});
             }});
  beat(name, connection);
}

void Simulation::beat(const std::string& name, int connection) {
  SimAgent& agent = agents_[name];
  if (!agent.alive || agent.connection != connection) return;
  agent.beats[++agent.sequence] = now_;
  if (!agent.hangs) to_coordinator(name, Heartbeat{agent.sequence});
  after(settings_.heartbeat_interval, [=, this] { beat(name, connection); });
}

void Simulation::break_connection(const std::string& name) {
  SimAgent& agent = agents_[name];
  if (!agent.alive) return;
  ++agent.connection;
  agent.beats.clear();
  after(between(1, 50), [=, this] { handle(AgentLost{{name}, "connection reset"}); });
  if (chance(0.5)) after(between(60, 3'000), [=, this] { connect(name); });
}

void Simulation::die(const std::string& name) {
  SimAgent& agent = agents_[name];
  if (!agent.ranks.empty()) impaired_.insert(agent.plan->generation);
  agent.alive = false;
  agent.ranks.clear();
  ++agent.connection;
  if (chance(0.5)) after(between(1, 50), [=, this] { handle(AgentLost{{name}, "node died"}); });
}

void Simulation::to_coordinator(const std::string& name, const AgentMessage& message) {
  SimAgent& agent = agents_[name];
  agent.up = std::max(agent.up, now_ + between(1, chance(0.02) ? 800 : 30));
  due_.push({agent.up, ++order_, [=, this, connection = agent.connection] {
               if (agents_[name].connection == connection) handle(MessageFrom{{name}, message});
             }});
}

void Simulation::to_agent(const std::string& name, const CoordinatorMessage& message) {
  SimAgent& agent = agents_[name];
  agent.down = std::max(agent.down, now_ + between(1, chance(0.02) ? 800 : 30));
  due_.push({agent.down, ++order_, [=, this, connection = agent.connection] {
               if (!agents_[name].alive || agents_[name].connection != connection) return;
               std::visit([&](const auto& m) { receive(name, m); }, message);
             }});
}

// ---- what an agent does -------------------------------------------------------------------------------------------------

void Simulation::receive(const std::string& name, const Welcome&) {
  SimAgent& agent = agents_[name];
  agent.acknowledged = std::max(agent.acknowledged, agent.joined);
  watch_lease(name);
}

void Simulation::receive(const std::string& name, const HeartbeatAck& message) {
  SimAgent& agent = agents_[name];
  const auto sent = agent.beats.find(message.sequence);
  if (sent == agent.beats.end()) return;
  agent.acknowledged = std::max(agent.acknowledged, sent->second);
  agent.beats.erase(agent.beats.begin(), std::next(sent));
  watch_lease(name);
}

void Simulation::watch_lease(const std::string& name) {
  const TimePoint acknowledged = agents_[name].acknowledged;
  const Nanoseconds allowed = settings_.lease + faults_.overstay;
  due_.push({std::max(now_, acknowledged + allowed), ++order_, [=, this] {
               if (agents_[name].acknowledged == acknowledged) kill_ranks(name);
             }});
}

void Simulation::receive(const std::string& name, const StartGeneration& message) {
  SimAgent& agent = agents_[name];
  check_start(message.plan);
  if (!agent.ranks.empty()) broken("an agent with ranks must not be told to start others");
  agent.plan = message.plan;
  agent.killing = false;
  agent.reached.clear();
  agent.started = now_;
  if (agent.acknowledged + settings_.lease <= now_) {
    impaired_.insert(message.plan.generation);
    return to_coordinator(name, GenerationStopped{message.plan.generation});
  }
  for (int i = 0; i < message.plan.local_world_size; ++i) start_rank(name, message.plan.first_global_rank + i);
}

void Simulation::start_rank(const std::string& name, int rank) {
  agents_[name].ranks.insert(rank);
  const GenerationId generation = agents_[name].plan->generation;
  const bool fails = now_ - start_ < faults_.until && chance(faults_.rank_fails);
  after(fails ? between(10, 3'000) : between(3'000, 3'100), [=, this] {
    if (!fails && impaired_.contains(generation)) return;
    if (fails && agents_[name].ranks.contains(rank)) impaired_.insert(generation);
    ExitReport report;
    report.global_rank = rank;
    report.exit_code = fails ? 7 : 0;
    report.last_step = step_of(agents_[name]);
    end_rank(name, generation, report);
  });
}

// Steps of 50 ms, the first of which takes ten times as long.
int64_t Simulation::step_of(const SimAgent& agent) const {
  const int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - agent.started).count();
  return ms < 500 ? -1 : ms / 50 - 9;
}

void Simulation::receive(const std::string& name, const AskSteps& message) {
  SimAgent& agent = agents_[name];
  if (!agent.plan || agent.plan->generation != message.generation) return;
  for (const int rank : agent.ranks) {
    if (chance(faults_.answers_never)) continue;
    const bool has_steps = !chance(faults_.has_no_steps);
    after(chance(faults_.answers_late) ? between(100, 6'000) : between(0, 1), [=, this] {
      SimAgent& asked = agents_[name];
      if (!asked.alive || asked.plan->generation != message.generation || !asked.ranks.contains(rank)) return;
      const int64_t step = step_of(asked);
      asked.reached[rank] = has_steps && step >= 0 ? step + 1 : -1;
      to_coordinator(name, RankReached{message.generation, rank, asked.reached[rank]});
    });
  }
}

void Simulation::receive(const std::string& name, const StopAtStep& message) {
  SimAgent& agent = agents_[name];
  if (!agent.plan || agent.plan->generation != message.generation) return;
  for (const int rank : agent.ranks) {
    const auto reached = agent.reached.find(rank);
    if (reached == agent.reached.end()) return broken(concat("rank ", rank, " is to stop, but never said where"));
    if (reached->second < 0) return broken(concat("rank ", rank, " is to stop at a step, but has none"));
    if (reached->second > message.step) return broken(concat("rank ", rank, " is to stop where it has passed"));
    if (chance(faults_.gets_stuck)) continue;
    after(between(10, 300), [=, this] {
      ExitReport report;
      report.global_rank = rank;
      report.exit_code = exit_code::kRequeue;
      report.last_step = message.step;
      end_rank(name, message.generation, report);
    });
  }
}

void Simulation::end_rank(const std::string& name, GenerationId generation, ExitReport report) {
  SimAgent& agent = agents_[name];
  if (!agent.alive || !agent.plan || agent.plan->generation != generation) return;
  if (agent.ranks.erase(report.global_rank) == 0) return;
  report.time_ns = now_.since_boot.count();
  to_coordinator(name, RankExited{generation, report});
  if (agent.ranks.empty()) to_coordinator(name, GenerationStopped{generation});
}

void Simulation::receive(const std::string& name, const StopGeneration& message) {
  SimAgent& agent = agents_[name];
  if (!agent.plan || agent.plan->generation != message.generation) return;
  if (agent.ranks.empty()) return to_coordinator(name, GenerationStopped{message.generation});
  const Nanoseconds grace = std::chrono::milliseconds(message.grace_ms);
  after(grace, [=, this] {
    if (agents_[name].plan->generation == message.generation) kill_ranks(name);
  });
}

void Simulation::receive(const std::string& name, const Shutdown&) { die(name); }

void Simulation::kill_ranks(const std::string& name) {
  SimAgent& agent = agents_[name];
  if (agent.ranks.empty() || agent.killing) return;
  agent.killing = true;
  impaired_.insert(agent.plan->generation);
  const GenerationId generation = agent.plan->generation;
  for (const int rank : agent.ranks) {
    ExitReport report;
    report.global_rank = rank;
    report.signal = SIGKILL;
    report.killed_by_us = true;
    after(between(1, 200), [=, this] { end_rank(name, generation, report); });
  }
}

// ---- the coordinator and the rules -------------------------------------------------------------------------------------

void Simulation::handle(const Event& event) {
  for (const Action& action : coordinator_->handle(event, now_)) perform(action);
}

void Simulation::perform(const Action& action) {
  if (const auto* send = std::get_if<SendTo>(&action)) {
    if (const auto* start = std::get_if<StartGeneration>(&send->message)) {
      plans_[start->plan.generation].push_back(start->plan);
    }
    to_agent(send->agent.value, send->message);
  } else if (const auto* drop = std::get_if<DropAgent>(&action)) {
    SimAgent& agent = agents_[drop->agent.value];
    ++agent.connection;
    agent.beats.clear();
  } else if (const auto* record = std::get_if<Record>(&action)) {
    if (record->event == "restart") restarts_.push_back(now_);
  } else if (const auto* finished = std::get_if<JobFinished>(&action)) {
    outcome_ = finished->outcome;
    check_plans();
    check_restarts();
    for (const auto& [name, agent] : agents_) {
      if (!agent.ranks.empty()) broken("no rank may be alive when the job is over");
    }
  }
}

void Simulation::check_restarts() {
  if (outcome_->restart_count != static_cast<int>(restarts_.size())) broken("every restart must be recorded");
  const size_t most = static_cast<size_t>(settings_.max_restarts);
  for (size_t i = most; i < restarts_.size(); ++i) {
    const bool whole_job = settings_.restart_window == Nanoseconds(0);
    if (whole_job || restarts_[i] - restarts_[i - most] < settings_.restart_window) {
      broken("the restart budget must not be exceeded");
    }
  }
}

void Simulation::check_start(const GenerationPlan& plan) {
  for (const auto& [name, agent] : agents_) {
    if (agent.ranks.empty() || agent.plan->generation == plan.generation) continue;
    broken(concat("generation ", plan.generation, " starts while ", name, " runs ", agent.plan->generation));
  }
}

void Simulation::check_plans() {
  for (auto& [generation, plans] : plans_) {
    std::sort(plans.begin(), plans.end(), [](const auto& a, const auto& b) { return a.node_rank < b.node_rank; });
    const int num_nodes = static_cast<int>(plans.size());
    if (num_nodes < settings_.min_nodes || num_nodes > settings_.max_nodes) broken("too few or too many nodes");
    for (int node = 0; node < num_nodes; ++node) {
      const GenerationPlan& plan = plans[static_cast<size_t>(node)];
      const bool dense = plan.node_rank == node && plan.num_nodes == num_nodes &&
                         plan.first_global_rank == node * settings_.ranks_per_node &&
                         plan.world_size == num_nodes * settings_.ranks_per_node;
      if (!dense) broken(concat("ranks of generation ", generation, " must be dense"));
    }
  }
}

void Simulation::broken(const std::string& rule) {
  if (broken_.empty()) broken_ = concat(rule, " (at ", (now_ - start_).count() / 1'000'000, " ms)");
}

}  // namespace fabric::rendezvous
