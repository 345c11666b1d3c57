// What a simulated agent does when it is told something, and how its ranks live and end.

#include <algorithm>

#include "core/concat.h"
#include "rendezvous/simulation.h"

namespace fabric::rendezvous {

using namespace std::chrono_literals;

namespace {

constexpr Nanoseconds kFirstStep = 500ms;
constexpr Nanoseconds kOtherSteps = 50ms;

}  // namespace

void Simulation::receive(uint32_t index, const Welcome&) {
  SimAgent& agent = agents_[index];
  agent.acknowledged = std::max(agent.acknowledged, agent.joined);
}

// A message that comes late or twice may speak of a generation that is over here.
void Simulation::receive(uint32_t index, const StartGeneration& message) {
  SimAgent& agent = agents_[index];
  const GenerationPlan& plan = message.plan;
  if (plan.generation <= agent.newest || agent.is_leaving) return;
  if (agent.num_alive > 0) return broken("an agent with ranks must not be told to start others");
  agent.newest = agent.generation = plan.generation;
  agent.killing = false;
  agent.started = now_;
  agent.first_step = saved_step_ + 1;
  agent.ranks.assign(static_cast<size_t>(plan.local_world_size), {});
  if (agent.acknowledged + scenario_.settings.lease <= now_) {
    impaired_.insert(plan.generation);
    failed_.insert(plan.generation);
    return stopped(index, plan.generation);
  }
  agent.num_alive = plan.local_world_size;
  set_running(agent, true);
  const Nanoseconds work = kFirstStep + kOtherSteps * std::max<int64_t>(0, scenario_.total_steps - agent.first_step);
  for (uint32_t i = 0; i < agent.ranks.size(); ++i) {
    agent.ranks[i] = {plan.first_global_rank + static_cast<int>(i), true, std::nullopt};
    push(work + ms(0, 100), {.kind = Kind::kRankEnds, .agent = index, .rank = i, .generation = agent.generation});
  }
  push(kFirstStep, {.kind = Kind::kFirstStep, .agent = index, .generation = agent.generation});
  watch_lease(index);
}

void Simulation::receive(uint32_t index, const AskSteps& message) {
  SimAgent& agent = agents_[index];
  if (agent.generation != message.generation) return;
  for (uint32_t i = 0; i < agent.ranks.size(); ++i) {
    if (!agent.ranks[i].alive || dice_.chance(scenario_.answers_never)) continue;
    push(dice_.chance(scenario_.answers_late) ? ms(100, 6'000) : ms(0, 1),
         {.kind = Kind::kAnswers, .agent = index, .rank = i, .generation = agent.generation});
  }
}

void Simulation::answer(const Due& due) {
  SimAgent& agent = agents_[due.agent];
  SimRank& rank = agent.ranks[due.rank];
  if (!rank.alive) return;
  if (!rank.reached) {
    const int64_t step = dice_.chance(scenario_.has_no_steps) ? -1 : step_of(agent);
    rank.reached = step < 0 ? -1 : step + 1;
  }
  say(due.agent, RankReached{agent.generation, rank.global_rank, *rank.reached});
}

void Simulation::receive(uint32_t index, const StopAtStep& message) {
  SimAgent& agent = agents_[index];
  if (agent.generation != message.generation) return;
  for (uint32_t i = 0; i < agent.ranks.size(); ++i) {
    const SimRank& rank = agent.ranks[i];
    if (!rank.alive) continue;
    if (!rank.reached) return broken(concat("rank ", rank.global_rank, " is to stop, but never said where"));
    if (*rank.reached < 0) return broken(concat("rank ", rank.global_rank, " is to stop at a step, but has none"));
    if (*rank.reached > message.step)
      return broken(concat("rank ", rank.global_rank, " is to stop where it has passed"));
    if (dice_.chance(scenario_.gets_stuck)) continue;
    push(ms(10, 300), {.kind = Kind::kReachesStep,
                       .agent = index,
                       .rank = i,
                       .data = static_cast<uint64_t>(message.step),
                       .generation = agent.generation});
  }
}

void Simulation::reach_step(const Due& due) {
  ExitReport report;
  report.exit_code = exit_code::kRequeue;
  report.last_step = static_cast<int64_t>(due.data);
  saved_step_ = std::max(saved_step_, report.last_step);
  end_rank(due.agent, due.rank, report);
}

void Simulation::receive(uint32_t index, const StopGeneration& message) {
  SimAgent& agent = agents_[index];
  if (message.generation < agent.newest || (agent.is_leaving && agent.num_alive == 0)) return;
  agent.newest = message.generation;
  if (agent.generation != message.generation || agent.num_alive == 0) {
    return say(index, GenerationStopped{message.generation});
  }
  const Nanoseconds busy = dice_.chance(scenario_.obeys_late) ? ms(1'500, 4'000) : Nanoseconds(0);
  push(std::chrono::milliseconds(message.grace_ms) + busy,
       {.kind = Kind::kGraceEnds, .agent = index, .generation = agent.generation});
}

void Simulation::receive(uint32_t index, const Shutdown&) {
  SimAgent& agent = agents_[index];
  kill_at_once(index);
  vanish(agent);
}

// ---- leases ------------------------------------------------------------------------------------------------------------

void Simulation::watch_lease(uint32_t index) {
  SimAgent& agent = agents_[index];
  if (std::exchange(agent.lease_is_watched, true)) return;
  push_at(agent.acknowledged + scenario_.settings.lease + scenario_.overstay,
          {.kind = Kind::kLeaseEnds, .agent = index});
}

void Simulation::lease_ends(uint32_t index) {
  SimAgent& agent = agents_[index];
  agent.lease_is_watched = false;
  if (agent.num_alive == 0) return;
  if (agent.acknowledged + scenario_.settings.lease + scenario_.overstay > now_) return watch_lease(index);
  failed_.insert(agent.generation);
  kill_ranks(index);
}

// ---- ranks -------------------------------------------------------------------------------------------------------------

// Counted over the whole job: each generation goes on where the state was saved last.
int64_t Simulation::step_of(const SimAgent& agent) const {
  const Nanoseconds since = now_ - agent.started;
  return since < kFirstStep ? -1 : agent.first_step + (since - kFirstStep) / kOtherSteps;
}

// A rank that has named a step waits there; one whose peer has gone notices that or waits for ever.
void Simulation::rank_ends(const Due& due) {
  const SimAgent& agent = agents_[due.agent];
  const SimRank& rank = agent.ranks[due.rank];
  if (!rank.alive || agent.killing || rank.reached.value_or(-1) >= 0) return;
  ExitReport report;
  report.last_step = scenario_.total_steps;
  if (impaired_.contains(agent.generation)) {
    if (!dice_.chance(0.3)) return;
    report.exit_code = 1;
    report.exception_type = "fabric::PeerError";
    failed_.insert(agent.generation);
  } else {
    ++succeeded_[agent.generation];
  }
  end_rank(due.agent, due.rank, report);
}

void Simulation::end_rank(uint32_t index, size_t rank, ExitReport report) {
  SimAgent& agent = agents_[index];
  if (!agent.ranks[rank].alive) return;
  agent.ranks[rank].alive = false;
  --agent.num_alive;
  report.global_rank = agent.ranks[rank].global_rank;
  report.time_ns = now_.since_boot.count();
  say(index, RankExited{agent.generation, report});
  if (agent.num_alive > 0) return;
  set_running(agent, false);
  stopped(index, agent.generation);
}

// Goodbye says that too.
void Simulation::stopped(uint32_t index, const GenerationId& generation) {
  if (agents_[index].is_leaving) return push(0ns, {.kind = Kind::kSaysGoodbye, .agent = index});
  say(index, GenerationStopped{generation});
}

void Simulation::kill_ranks(uint32_t index) {
  SimAgent& agent = agents_[index];
  if (agent.num_alive == 0 || agent.killing) return;
  agent.killing = true;
  impaired_.insert(agent.generation);
  for (uint32_t i = 0; i < agent.ranks.size(); ++i) {
    if (!agent.ranks[i].alive) continue;
    push(ms(1, 250), {.kind = Kind::kRankIsDead, .agent = index, .rank = i, .generation = agent.generation});
  }
}

void Simulation::kill_at_once(uint32_t index) {
  SimAgent& agent = agents_[index];
  for (SimRank& rank : agent.ranks) rank.alive = false;
  agent.num_alive = 0;
  set_running(agent, false);
}

// What a rank or somebody in its name writes to the store of a generation; it may take long.
void Simulation::write(uint32_t index, const GenerationId& generation) {
  push(dice_.chance(0.1) ? ms(30, 1'500) : ms(1, 30),
       {.kind = Kind::kWriteArrives, .agent = index, .generation = generation});
}

}  // namespace fabric::rendezvous
