#include "rendezvous/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fabric::rendezvous {
namespace {

using testing::ElementsAre;
using testing::Pair;

Agent agent_with(uint64_t join_order, std::optional<int> former_rank, bool connected = true) {
  Agent agent;
  agent.join_order = join_order;
  agent.node_rank = former_rank;
  agent.connected = connected;
  return agent;
}

TEST(PlacementTest, RanksNewcomersByJoinOrder) {
  const std::map<AgentId, Agent> agents{
      {{"a"}, agent_with(3, {})}, {{"b"}, agent_with(1, {})}, {{"c"}, agent_with(2, {})}};

  EXPECT_THAT(place_nodes(agents, {.max_nodes = 3}),
              ElementsAre(Pair(AgentId{"a"}, 2), Pair(AgentId{"b"}, 0), Pair(AgentId{"c"}, 1)));
}

TEST(PlacementTest, SurvivorsKeepTheirRanksAndNewcomersFillTheGaps) {
  const std::map<AgentId, Agent> agents{{{"a"}, agent_with(1, 0)},
                                        {{"b"}, agent_with(2, 1, false)},
                                        {{"c"}, agent_with(3, 2)},
                                        {{"d"}, agent_with(4, {})}};

  EXPECT_THAT(place_nodes(agents, {.max_nodes = 3}),
              ElementsAre(Pair(AgentId{"a"}, 0), Pair(AgentId{"c"}, 2), Pair(AgentId{"d"}, 1)));
}

TEST(PlacementTest, RanksStayDenseWhenFewerNodesRemain) {
  const std::map<AgentId, Agent> agents{{{"b"}, agent_with(2, 1)}, {{"c"}, agent_with(3, 2)}};

  EXPECT_THAT(place_nodes(agents, {.max_nodes = 3}), ElementsAre(Pair(AgentId{"b"}, 1), Pair(AgentId{"c"}, 0)));
}

TEST(PlacementTest, FormerMembersGoBeforeSpares) {
  const std::map<AgentId, Agent> agents{{{"a"}, agent_with(1, {})}, {{"b"}, agent_with(2, 0)}};

  EXPECT_THAT(place_nodes(agents, {.max_nodes = 1}), ElementsAre(Pair(AgentId{"b"}, 0)));
}

}  // namespace
}  // namespace fabric::rendezvous
