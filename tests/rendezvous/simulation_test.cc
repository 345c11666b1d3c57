#include "rendezvous/simulation.h"

#include <gtest/gtest.h>

#include <map>

namespace fabric::rendezvous {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kSeeds = 2'000;

TEST(SimulationTest, KeepsTheRulesUnderRandomFaults) {
  std::map<int, int> endings;
  int generations = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Simulation simulation(seed, {});

    EXPECT_EQ(simulation.run(), "") << "seed " << seed;

    generations += simulation.generations();
    if (simulation.outcome()) ++endings[simulation.outcome()->exit_code];
  }
  // The faults must be such that every way to end is met, and that restarts are common.
  EXPECT_GT(endings[0], 0);
  EXPECT_GT(endings[7], 0);
  EXPECT_GT(endings[exit_code::kRendezvousTimeout], 0);
  EXPECT_GT(endings[130], 0);
  EXPECT_GT(endings[exit_code::kRequeue], 0);
  EXPECT_GT(endings[exit_code::kNoProgress], 0);
  EXPECT_GT(generations, static_cast<int>(kSeeds));
}

TEST(SimulationTest, WithoutFaultsEveryJobSucceedsInOneGeneration) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Simulation simulation(
        seed, {.agent_dies = 0, .agent_hangs = 0, .connection_breaks = 0, .rank_fails = 0, .stop_requested = 0});

    EXPECT_EQ(simulation.run(), "") << "seed " << seed;

    EXPECT_EQ(simulation.outcome()->exit_code, 0) << "seed " << seed;
    EXPECT_EQ(simulation.generations(), 1) << "seed " << seed;
  }
}

TEST(SimulationTest, NoticesAgentsThatOverstayTheirLease) {
  int caught = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Simulation simulation(seed, {.connection_breaks = 0.9, .rank_fails = 0, .overstay = 5s});
    if (!simulation.run().empty()) ++caught;
  }

  EXPECT_GT(caught, 0);
}

}  // namespace
}  // namespace fabric::rendezvous
