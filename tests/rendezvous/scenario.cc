#include "rendezvous/scenario.h"

#include <algorithm>
#include <array>

namespace fabric::rendezvous {

using namespace std::chrono_literals;

namespace {

constexpr std::array<std::string_view, kNumFaultKinds> kNames = {"dies",
                                                                 "loses its connection",
                                                                 "goes deaf",
                                                                 "hangs",
                                                                 "freezes",
                                                                 "hears nothing",
                                                                 "is not heard",
                                                                 "flaps",
                                                                 "is cut off with others",
                                                                 "loses beats",
                                                                 "has a failure of a rank",
                                                                 "lies",
                                                                 "leaves",
                                                                 "joins",
                                                                 "(user) asks to stop",
                                                                 "(user) asks to stop at once",
                                                                 "(coordinator) crashes",
                                                                 "(coordinator) pauses"};

bool is_rare(FaultKind kind) {
  return kind == FaultKind::kStops || kind == FaultKind::kStopsAtOnce || kind == FaultKind::kLeaves;
}

Fault random_fault(Dice& dice, int num_agents, Nanoseconds until) {
  Fault fault;
  fault.kind = static_cast<FaultKind>(dice.between(0, kNumFaultKinds - 1));
  if (is_rare(fault.kind) && dice.chance(0.6)) fault.kind = FaultKind::kRankFails;
  fault.at = std::chrono::microseconds(dice.between(0, until.count() / 1'000));
  fault.agent = static_cast<uint32_t>(dice.between(0, num_agents));  // one of them may have come later
  fault.duration = std::chrono::milliseconds(dice.chance(0.7) ? dice.between(20, 1'500) : dice.between(1'500, 6'000));
  if (fault.kind == FaultKind::kFlaps) fault.duration *= 3;
  if (fault.kind == FaultKind::kDies && dice.chance(0.3)) fault.duration = 0ns;
  return fault;
}

void add_faults(Scenario& scenario, Dice& dice, int64_t count, Nanoseconds until) {
  for (int64_t i = 0; i < count; ++i) scenario.faults.push_back(random_fault(dice, scenario.num_agents, until));
  std::sort(scenario.faults.begin(), scenario.faults.end(), [](const Fault& a, const Fault& b) { return a.at < b.at; });
}

Settings random_settings(Dice& dice, int max_nodes) {
  Settings settings;
  settings.max_nodes = max_nodes;
  settings.min_nodes = static_cast<int>(dice.between(std::max(1, max_nodes / 2), max_nodes));
  if (dice.chance(0.3)) settings.expected_nodes = static_cast<int>(dice.between(settings.min_nodes, max_nodes + 1));
  settings.ranks_per_node = static_cast<int>(dice.between(1, 3));
  settings.max_restarts = static_cast<int>(dice.between(0, 5));
  settings.restart_window = std::chrono::seconds(dice.between(0, 1) * 5);
  settings.max_failures_without_progress = static_cast<int>(dice.between(0, 4));
  settings.max_strikes = static_cast<int>(dice.between(0, 3));
  if (dice.chance(0.3)) settings.max_node_losses = static_cast<int>(dice.between(0, 4));
  if (dice.chance(0.3)) settings.max_preemptions = static_cast<int>(dice.between(0, 2));
  if (dice.chance(0.7)) settings.scale_up_wait = std::chrono::milliseconds(dice.between(0, 1'000));
  settings.stop_timeout = std::chrono::seconds(dice.between(0, 5));
  settings.rendezvous_timeout = 10s;
  settings.grace = std::chrono::seconds(dice.between(0, 2));
  settings.stop_patience = 2s;
  return settings;
}

}  // namespace

std::string_view name_of(FaultKind kind) { return kNames[static_cast<size_t>(kind)]; }

std::string describe(const Fault& fault) {
  return concat("at ", to_ms(fault.at), " ms agent ", fault.agent, ' ', name_of(fault.kind), " (",
                to_ms(fault.duration), " ms)");
}

Scenario small_scenario(uint64_t seed) {
  Dice dice(seed);
  Scenario scenario{seed, random_settings(dice, static_cast<int>(dice.between(1, 4)))};
  scenario.num_agents = static_cast<int>(dice.between(scenario.settings.min_nodes, scenario.settings.max_nodes + 1));
  scenario.total_steps = dice.between(20, 100);
  add_faults(scenario, dice, dice.between(0, 6), 8s);
  return scenario;
}

Scenario changing_scenario(uint64_t seed) {
  Dice dice(seed);
  Scenario scenario{seed, random_settings(dice, static_cast<int>(dice.between(2, 4)))};
  scenario.settings.grace = 2s;
  scenario.settings.stop_timeout = std::chrono::seconds(dice.between(0, 1) * 3);
  scenario.total_steps = 100;
  const Nanoseconds at = std::chrono::milliseconds(dice.between(0, 4'000));
  if (seed % 2 == 0) {
    scenario.settings.min_nodes = scenario.settings.expected_nodes = 1;
    scenario.settings.scale_up_wait = 100ms;
    scenario.settings.stop_timeout = 5s;
    scenario.faults = {{FaultKind::kJoins, at}};
    return scenario;
  }
  scenario.num_agents = scenario.settings.max_nodes;
  scenario.faults = {{FaultKind::kStops, at}};
  const Nanoseconds again = std::chrono::milliseconds(dice.between(100, 2'500));
  if (dice.chance(0.7)) scenario.faults.push_back({FaultKind::kStopsAtOnce, at + again});
  return scenario;
}

Scenario rough_scenario(uint64_t seed) {
  Dice dice(seed);
  Scenario scenario{seed, random_settings(dice, static_cast<int>(dice.between(2, 8)))};
  scenario.num_agents = scenario.settings.max_nodes + static_cast<int>(dice.between(0, 2));
  scenario.total_steps = dice.between(60, 200);
  add_faults(scenario, dice, dice.between(6, 20), 15s);
  return scenario;
}

Scenario usual_scenario(uint64_t seed) {
  Dice dice(seed);
  Scenario scenario{seed, random_settings(dice, static_cast<int>(dice.between(2, dice.chance(0.5) ? 16 : 64)))};
  scenario.num_agents = static_cast<int>(dice.between(scenario.settings.min_nodes, scenario.settings.max_nodes + 2));
  scenario.total_steps = dice.between(40, 200);
  scenario.slack = 60s;  // of so many messages some are late enough to cost a generation
  add_faults(scenario, dice, dice.between(0, 12), 12s);
  return scenario;
}

Scenario large_scenario(uint64_t seed, int num_nodes) {
  Dice dice(seed);
  Scenario scenario{seed, random_settings(dice, num_nodes)};
  scenario.settings.ranks_per_node = 1;
  // As much goes wrong in the whole job as on a few nodes: otherwise no generation of so many lives for long.
  scenario.late = 2.0 / num_nodes;
  scenario.disorder = 1.0 / num_nodes;
  scenario.answers_never = scenario.has_no_steps = scenario.gets_stuck = 0.5 / num_nodes;
  scenario.answers_late = 2.0 / num_nodes;
  scenario.obeys_late = 0.5 / num_nodes;
  scenario.slack = 60s;
  scenario.settings.min_nodes = num_nodes - num_nodes / 10;
  scenario.settings.expected_nodes = 0;
  scenario.settings.max_node_losses.reset();
  scenario.num_agents = num_nodes + 3;
  scenario.total_steps = 60;
  add_faults(scenario, dice, 4, 5s);
  return scenario;
}

}  // namespace fabric::rendezvous
