// Jobs in which something happens that hardly ever does by chance.

#include "rendezvous/scenario.h"

namespace fabric::rendezvous {

using namespace std::chrono_literals;

namespace {

Scenario short_job(uint64_t seed, int num_nodes) {
  Scenario scenario{seed, {}};
  scenario.settings.min_nodes = scenario.settings.max_nodes = num_nodes;
  scenario.settings.ranks_per_node = 2;
  scenario.settings.max_restarts = 3;
  scenario.settings.rendezvous_timeout = 10s;
  scenario.settings.stop_timeout = 5s;
  scenario.settings.grace = 1s;
  scenario.settings.stop_patience = 2s;
  scenario.num_agents = num_nodes;
  scenario.total_steps = 60;
  return scenario;
}

Nanoseconds moment(Dice& dice, int64_t least_ms, int64_t most_ms) {
  return std::chrono::milliseconds(dice.between(least_ms, most_ms));
}

Scenario expects_too_many(uint64_t seed, Dice& dice) {
  Scenario scenario = short_job(seed, 4);
  scenario.settings.min_nodes = 1;
  scenario.settings.expected_nodes = 3;
  scenario.settings.rendezvous_timeout = 2s;
  scenario.num_agents = static_cast<int>(dice.between(1, 2));
  scenario.total_steps = 5;
  return scenario;
}

Scenario has_too_few(uint64_t seed, Dice& dice) {
  Scenario scenario = short_job(seed, static_cast<int>(dice.between(2, 4)));
  scenario.settings.rendezvous_timeout = 2s;
  --scenario.num_agents;
  return scenario;
}

Scenario halts(uint64_t seed, Dice& dice) {
  Scenario scenario = short_job(seed, 2);
  scenario.total_steps = 150;
  scenario.faults = {{FaultKind::kStops, moment(dice, 1'500, 4'000)}};
  return scenario;
}

Scenario halts_too_long(uint64_t seed, Dice& dice) {
  Scenario scenario = halts(seed, dice);
  scenario.settings.stop_timeout = 1s;
  scenario.answers_never = scenario.gets_stuck = 0.3;
  return scenario;
}

Scenario halts_without_steps(uint64_t seed, Dice& dice) {
  Scenario scenario = halts(seed, dice);
  scenario.has_no_steps = 0.4;
  return scenario;
}

Scenario fails_while_it_halts(uint64_t seed, Dice& dice) {
  Scenario scenario = halts(seed, dice);
  scenario.answers_late = 0.9;
  const FaultKind kind = dice.chance(0.5) ? FaultKind::kRankFails : FaultKind::kBreaks;
  scenario.faults.push_back({kind, scenario.faults[0].at + moment(dice, 10, 150)});
  return scenario;
}

Scenario is_obeyed_late(uint64_t seed, Dice& dice) {
  Scenario scenario = short_job(seed, 2);
  scenario.obeys_late = 0.6;
  scenario.faults = {{FaultKind::kRankFails, moment(dice, 1'500, 3'000)}};
  if (dice.chance(0.3))
    scenario.faults.push_back({FaultKind::kFlaps, scenario.faults[0].at, 1, moment(dice, 2'000, 9'000)});
  return scenario;
}

Scenario crashes(uint64_t seed, Dice& dice) {
  Scenario scenario = short_job(seed, static_cast<int>(dice.between(1, 2)));
  scenario.faults = {{FaultKind::kCrashes, moment(dice, 1'200, 3'500), 0, moment(dice, 20, 1'500)}};
  return scenario;
}

Scenario crashes_at_the_end(uint64_t seed, Dice& dice) {
  Scenario scenario = short_job(seed, static_cast<int>(dice.between(1, 3)));
  scenario.total_steps = 5;
  scenario.crashes_at_end = 0.9;
  return scenario;
}

}  // namespace

Scenario late_joiner_scenario(uint64_t seed) {
  Dice dice(seed);
  Scenario scenario = short_job(seed, 2);
  scenario.settings.min_nodes = scenario.settings.expected_nodes = scenario.num_agents = 1;
  scenario.settings.ranks_per_node = 4;
  scenario.settings.scale_up_wait = 0s;
  scenario.total_steps = 100;
  scenario.faults = {{FaultKind::kJoins, moment(dice, 4'800, 6'000)}};
  return scenario;
}

Scenario late_return_scenario(uint64_t seed) {
  Dice dice(seed);
  Scenario scenario = short_job(seed, 1);
  scenario.total_steps = 100;
  scenario.late_ticks = 1;
  const Nanoseconds at = moment(dice, 1'500, 3'000), away = moment(dice, 1'400, 2'800);
  scenario.faults = {{FaultKind::kBreaks, at}, {FaultKind::kHangs, at, 0, away}, {FaultKind::kDies, at + away + 2s}};
  return scenario;
}

Scenario rare_scenario(uint64_t seed) {
  constexpr Scenario (*kMakers[])(uint64_t, Dice&) = {
      expects_too_many,     has_too_few,    halts_too_long, halts_without_steps,
      fails_while_it_halts, is_obeyed_late, crashes,        crashes_at_the_end};
  Dice dice(seed);
  const uint64_t kind = seed % (std::size(kMakers) + 2);
  if (kind == std::size(kMakers)) return late_joiner_scenario(seed);
  if (kind > std::size(kMakers)) return late_return_scenario(seed);
  return kMakers[kind](seed, dice);
}

}  // namespace fabric::rendezvous
