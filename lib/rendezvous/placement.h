#pragma once

#include <map>

#include "core/ids.h"
#include "rendezvous/state.h"

namespace fabric::rendezvous {

/// Returns the node rank of each agent that the next generation takes: at most `max_nodes` of the connected agents,
/// former members first, then by join order. Node ranks are 0 .. n - 1; an agent keeps its former one where that is
/// below n, the others fill the gaps by join order.
std::map<AgentId, int> place_nodes(const std::map<AgentId, Agent>& agents, int max_nodes);

}  // namespace fabric::rendezvous
