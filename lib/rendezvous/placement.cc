#include "rendezvous/placement.h"

#include <algorithm>
#include <tuple>
#include <vector>

namespace fabric::rendezvous {

namespace {

using Candidate = std::pair<const AgentId, Agent>;

std::vector<const Candidate*> choose(const std::map<AgentId, Agent>& agents, size_t max_nodes) {
  std::vector<const Candidate*> chosen;
  for (const Candidate& candidate : agents) {
    if (candidate.second.connected) chosen.push_back(&candidate);
  }
  std::sort(chosen.begin(), chosen.end(), [](const Candidate* a, const Candidate* b) {
    return std::make_tuple(!a->second.node_rank, a->second.join_order) <
           std::make_tuple(!b->second.node_rank, b->second.join_order);
  });
  chosen.resize(std::min(chosen.size(), max_nodes));
  return chosen;
}

}  // namespace

std::map<AgentId, int> place_nodes(const std::map<AgentId, Agent>& agents, int max_nodes) {
  const std::vector<const Candidate*> chosen = choose(agents, static_cast<size_t>(max_nodes));
  std::vector<bool> taken(chosen.size(), false);
  std::map<AgentId, int> ranks;
  for (const Candidate* candidate : chosen) {
    const size_t former = static_cast<size_t>(candidate->second.node_rank.value_or(max_nodes));
    if (former >= taken.size() || taken[former]) continue;
    taken[former] = true;
    ranks[candidate->first] = static_cast<int>(former);
  }
  size_t gap = 0;
  for (const Candidate* candidate : chosen) {
    if (ranks.contains(candidate->first)) continue;
    while (taken[gap]) ++gap;
    taken[gap] = true;
    ranks[candidate->first] = static_cast<int>(gap);
  }
  return ranks;
}

}  // namespace fabric::rendezvous
