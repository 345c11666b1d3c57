#pragma once

#include <map>

#include "core/ids.h"
#include "rendezvous/rules.h"
#include "rendezvous/settings.h"
#include "rendezvous/state.h"

namespace fabric::rendezvous {

/// Returns the node rank of each agent that the next generation takes: at most max_nodes of the connected agents, former
/// members first, then by join order; benched ones last, and only up to min_nodes. Node ranks are 0 .. n - 1; an agent keeps
/// its former one where that is below n, the others fill the gaps by join order.
std::map<AgentId, int> place_nodes(const std::map<AgentId, Agent>& agents, const Settings& settings,
                                   const Rules& rules = {});

}  // namespace fabric::rendezvous
