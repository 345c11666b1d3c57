#include "rank_state.h"

#include <gtest/gtest.h>

namespace fabric::agent {
namespace {

TEST(RankStateTest, LeadsFromStartToReport) {
  constexpr auto kLoading = next_state(*next_state(RankState::kStarting, RankEvent::kSpawned), RankEvent::kHello);
  static_assert(kLoading == RankState::kLoading);

  const auto draining = next_state(*next_state(*kLoading, RankEvent::kReady), RankEvent::kExited);

  EXPECT_EQ(next_state(*draining, RankEvent::kDrained), RankState::kGone);
}

TEST(RankStateTest, LetsARunningRankExitAtAnyTime) {
  for (const RankState state : {RankState::kSilent, RankState::kLoading, RankState::kReady}) {
    EXPECT_EQ(next_state(state, RankEvent::kExited), RankState::kDraining);
  }
}

TEST(RankStateTest, RefusesFramesOutOfOrder) {
  EXPECT_EQ(next_state(RankState::kSilent, RankEvent::kReady), std::nullopt);
  EXPECT_EQ(next_state(RankState::kLoading, RankEvent::kHello), std::nullopt);
  EXPECT_EQ(next_state(RankState::kReady, RankEvent::kReady), std::nullopt);
}

TEST(RankStateTest, NeverLeavesTheEnd) {
  for (const RankEvent event : {RankEvent::kSpawned, RankEvent::kSpawnFailed, RankEvent::kHello, RankEvent::kReady,
                                RankEvent::kExited, RankEvent::kDrained}) {
    EXPECT_EQ(next_state(RankState::kGone, event), std::nullopt);
  }
}

}  // namespace
}  // namespace fabric::agent
