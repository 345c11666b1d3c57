#include <algorithm>

#include "core/concat.h"
#include "rendezvous/simulation.h"

namespace fabric::rendezvous {

namespace {

// Leaves out runs of `size` faults as long as a rule breaks without them; true if any could go.
bool leave_out(Scenario& scenario, const Rules& rules, size_t size) {
  bool shorter = false;
  for (size_t first = 0; first + size <= scenario.faults.size();) {
    Scenario candidate = scenario;
    const auto begin = candidate.faults.begin() + static_cast<std::ptrdiff_t>(first);
    candidate.faults.erase(begin, begin + static_cast<std::ptrdiff_t>(size));
    if (Simulation(candidate, rules).run().empty()) {
      ++first;
      continue;
    }
    scenario = std::move(candidate);
    shorter = true;
  }
  return shorter;
}

// Fewer agents make a shorter story, where the rule breaks with them too.
void take_fewer_agents(Scenario& scenario, const Rules& rules) {
  for (int agents = scenario.settings.min_nodes; agents < scenario.num_agents; ++agents) {
    Scenario candidate = scenario;
    candidate.num_agents = agents;
    if (Simulation(candidate, rules).run().empty()) continue;
    scenario = std::move(candidate);
    return;
  }
}

}  // namespace

std::string shortest_history(Scenario scenario, Rules rules) {
  const size_t all = scenario.faults.size();
  for (size_t size = std::max<size_t>(1, all / 2); size > 0;) {
    if (!leave_out(scenario, rules, size)) size /= 2;
    size = std::min(size, scenario.faults.size());
  }
  take_fewer_agents(scenario, rules);
  Simulation simulation(scenario, rules);
  simulation.keep_history();
  std::string text = concat(simulation.run(), "\nseed ", scenario.seed, ", ", scenario.num_agents, " agents, ",
                            scenario.faults.size(), " of ", all, " faults are needed:\n");
  for (const Fault& fault : scenario.faults) text += concat("  ", describe(fault), '\n');
  for (const std::string& line : simulation.history()) text += line + '\n';
  return text;
}

}  // namespace fabric::rendezvous
