#include "rendezvous/phase.h"

#include <gtest/gtest.h>

namespace fabric::rendezvous {
namespace {

constexpr Phase kPhases[] = {Phase::kGathering, Phase::kRunning, Phase::kHalting, Phase::kStopping, Phase::kFinished};
constexpr PhaseEvent kEvents[] = {PhaseEvent::kGathered, PhaseEvent::kHaltAsked, PhaseEvent::kStopNeeded,
                                  PhaseEvent::kMayRunAgain, PhaseEvent::kGaveUp};

static_assert(next_phase(Phase::kGathering, PhaseEvent::kGathered) == Phase::kRunning);
static_assert(next_phase(Phase::kRunning, PhaseEvent::kHaltAsked) == Phase::kHalting);
static_assert(next_phase(Phase::kStopping, PhaseEvent::kMayRunAgain) == Phase::kGathering);

TEST(PhaseTest, NothingLeavesTheEnd) {
  for (const PhaseEvent event : kEvents) EXPECT_EQ(next_phase(Phase::kFinished, event), std::nullopt);
}

TEST(PhaseTest, RanksStartOnlyWhereNoneCanBeAlive) {
  for (const Phase phase : kPhases) {
    for (const PhaseEvent event : kEvents) {
      const bool starts = next_phase(phase, event) == Phase::kRunning;
      EXPECT_TRUE(!starts || phase == Phase::kGathering);
    }
  }
}

TEST(PhaseTest, RanksAreAskedForAStepOnlyWhileTheyRun) {
  for (const Phase phase : kPhases) {
    EXPECT_EQ(next_phase(phase, PhaseEvent::kHaltAsked).has_value(), phase == Phase::kRunning);
  }
}

TEST(PhaseTest, WhateverHasRanksCanBeStopped) {
  for (const Phase phase : kPhases) {
    EXPECT_EQ(next_phase(phase, PhaseEvent::kStopNeeded).has_value(), has_ranks(phase));
  }
}

TEST(PhaseTest, EveryPhaseHasAName) {
  for (const Phase phase : kPhases) EXPECT_NE(name_of(phase), "unknown");
}

}  // namespace
}  // namespace fabric::rendezvous
