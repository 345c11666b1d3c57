#include <algorithm>

#include "core/concat.h"
#include "rendezvous/simulation.h"

namespace fabric::rendezvous {

namespace {

bool breaks(const Scenario& scenario, const Rules& rules, const std::string& rule) {
  return rule_in(Simulation(scenario, rules).run()) == rule;
}

// Leaves out runs of `size` faults as long as `rule` breaks without them; true if any could go.
bool leave_out(Scenario& scenario, const Rules& rules, const std::string& rule, size_t size) {
  bool shorter = false;
  for (size_t first = 0; first + size <= scenario.faults.size();) {
    Scenario candidate = scenario;
    const auto begin = candidate.faults.begin() + static_cast<std::ptrdiff_t>(first);
    candidate.faults.erase(begin, begin + static_cast<std::ptrdiff_t>(size));
    if (!breaks(candidate, rules, rule)) {
      ++first;
      continue;
    }
    scenario = std::move(candidate);
    shorter = true;
  }
  return shorter;
}

// Fewer agents make a shorter story, where the rule breaks with them too.
void take_fewer_agents(Scenario& scenario, const Rules& rules, const std::string& rule) {
  for (int agents = scenario.settings.min_nodes; agents < scenario.num_agents; ++agents) {
    Scenario candidate = scenario;
    candidate.num_agents = agents;
    if (!breaks(candidate, rules, rule)) continue;
    scenario = std::move(candidate);
    return;
  }
}

}  // namespace

std::string rule_in(std::string_view broken) {
  std::string rule;
  for (const char c : broken.substr(0, broken.find(" (at "))) {
    if (c < '0' || c > '9') rule += c;
  }
  return rule;
}

Scenario shortest_scenario(Scenario scenario, const Rules& rules) {
  const std::string rule = rule_in(Simulation(scenario, rules).run());
  for (size_t size = std::max<size_t>(1, scenario.faults.size() / 2); size > 0 && !scenario.faults.empty();) {
    if (!leave_out(scenario, rules, rule, size)) size /= 2;
    size = std::min(size, scenario.faults.size());
  }
  take_fewer_agents(scenario, rules, rule);
  return scenario;
}

std::string shortest_history(Scenario scenario, Rules rules) {
  const size_t all = scenario.faults.size();
  scenario = shortest_scenario(std::move(scenario), rules);
  Simulation simulation(scenario, rules);
  simulation.keep_history();
  std::string text = concat(simulation.run(), "\nseed ", scenario.seed, ", ", scenario.num_agents, " agents, ",
                            scenario.faults.size(), " of ", all, " faults are needed:\n");
  for (const Fault& fault : scenario.faults) text += concat("  ", describe(fault), '\n');
  for (const std::string& line : simulation.history()) text += line + '\n';
  return text;
}

}  // namespace fabric::rendezvous
