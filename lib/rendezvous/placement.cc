#include "rendezvous/placement.h"

#include <algorithm>
#include <tuple>
#include <vector>

namespace fabric::rendezvous {

namespace {

using Candidate = std::pair<const AgentId, Agent>;

std::vector<const Candidate*> choose(const std::map<AgentId, Agent>& agents, const Settings& settings,
                                     const Rules& rules) {
  std::vector<const Candidate*> chosen;
  for (const Candidate& candidate : agents) {
    if (candidate.second.connected) chosen.push_back(&candidate);
  }
  const auto order = [](const Candidate* candidate) {
    const Agent& agent = candidate->second;
    return std::make_tuple(agent.benched, !agent.node_rank, agent.join_order);
  };
  std::sort(chosen.begin(), chosen.end(),
            [order](const Candidate* a, const Candidate* b) { return order(a) < order(b); });
  if (rules.keeps_spares_waiting) chosen.resize(std::min(chosen.size(), static_cast<size_t>(settings.max_nodes)));
  const size_t least = static_cast<size_t>(settings.min_nodes);
  while (chosen.size() > least && chosen.back()->second.benched) chosen.pop_back();
  return chosen;
}

}  // namespace

std::map<AgentId, int> place_nodes(const std::map<AgentId, Agent>& agents, const Settings& settings,
                                   const Rules& rules) {
  const std::vector<const Candidate*> chosen = choose(agents, settings, rules);
  std::vector<bool> taken(chosen.size(), false);
  std::map<AgentId, int> ranks;
  for (const Candidate* candidate : chosen) {
    const std::optional<int> former = rules.keeps_ranks ? candidate->second.node_rank : std::nullopt;
    const size_t rank = former ? static_cast<size_t>(*former) : taken.size();
    if (rank >= taken.size() || taken[rank]) continue;
    taken[rank] = true;
    ranks[candidate->first] = static_cast<int>(rank);
  }
  size_t gap = 0;
  for (const Candidate* candidate : chosen) {
    if (ranks.contains(candidate->first)) continue;
    while (rules.gives_a_rank_once && taken[gap]) ++gap;
    taken[gap] = true;
    ranks[candidate->first] = static_cast<int>(gap);
  }
  return ranks;
}

}  // namespace fabric::rendezvous
