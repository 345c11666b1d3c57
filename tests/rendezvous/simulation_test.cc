#include "rendezvous/simulation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <string>

namespace fabric::rendezvous {
namespace {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kShare = 40;  // one seed in so many: a run costs that much more
#else
constexpr uint64_t kShare = 1;
#endif

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

using Ullong = unsigned long long;

/// Runs many scenarios, and tells the shortest history of one that breaks a rule.
class SimulationTest : public ::testing::Test {
 protected:
  template <class ScenarioOf>
  void run(const char* what, uint64_t seeds, ScenarioOf scenario_of) {
    const double begin = cpu_seconds();
    const SimulationCounts before = counts_;
    for (uint64_t seed = 1; seed <= std::max<uint64_t>(1, seeds / kShare) && !HasFatalFailure(); ++seed) {
      run_one(scenario_of(seed));
    }
    std::printf("%s: %llu events, %llu of them given to a coordinator, %.1f s of CPU\n", what,
                static_cast<Ullong>(counts_.events - before.events),
                static_cast<Ullong>(counts_.coordinator_events - before.coordinator_events), cpu_seconds() - begin);
  }
  void run_one(const Scenario& scenario) {
    Simulation simulation(scenario);
    ASSERT_EQ(simulation.run(), "") << shortest_history(scenario);
    counts_.add(simulation.counts());
    ++endings_[simulation.outcome()->exit_code];
  }
  /// Prints how often each row of the table in docs/rendezvous.md was taken, and expects `least` of each.
  void show_transitions(uint64_t least) const {
    for (size_t i = 0; i < counts_.transitions.size(); ++i) {
      const std::string name(name_of(static_cast<Transition>(i)));
      std::printf("  %-58s %8llu\n", name.c_str(), static_cast<Ullong>(counts_.transitions[i]));
      EXPECT_GE(counts_.transitions[i], least) << name;
    }
  }
  void show_faults() const {
    for (size_t i = 0; i < counts_.faults.size(); ++i) {
      const std::string name(name_of(static_cast<FaultKind>(i)));
      std::printf("  %-28s %8llu\n", name.c_str(), static_cast<Ullong>(counts_.faults[i]));
      EXPECT_GT(counts_.faults[i], 0u) << name;
    }
  }
  SimulationCounts counts_;
  std::map<int, int> endings_;
};

TEST_F(SimulationTest, KeepsTheRulesUnderRandomFaults) {
  const double begin = cpu_seconds();
  run("6,000 seeds of 1 to 5 agents", 6'000, small_scenario);
  run("12,000 seeds of 1 to 4 agents that are told to stop or are joined", 12'000, changing_scenario);
  run("14,000 seeds to which something rare happens", 14'000, rare_scenario);
  run("2,000 seeds of 2 to 64 agents", 2'000, usual_scenario);
  run("50 seeds of 1,000 agents", 50, [](uint64_t seed) { return large_scenario(seed, 1'000); });
  // A sanitizer takes minutes for the largest one.
  if (kShare == 1) run("1 seed of 10,000 agents", 1, [](uint64_t seed) { return large_scenario(seed, 10'000); });

  std::printf("%llu generations, %llu crashes, %llu scale-ups, %llu nodes benched\n",
              static_cast<Ullong>(counts_.generations), static_cast<Ullong>(counts_.crashes),
              static_cast<Ullong>(counts_.scale_ups), static_cast<Ullong>(counts_.benched));
  show_transitions(std::max<uint64_t>(1, 1'000 / kShare / kShare));
  show_faults();
  EXPECT_GE(counts_.events, 10'000'000 / kShare / kShare);
  EXPECT_LT(cpu_seconds() - begin, kShare == 1 ? 60.0 : 1e9) << "of CPU";
  for (const int code : {0, 7, exit_code::kRequeue, exit_code::kRendezvousTimeout, exit_code::kNoProgress, 130}) {
    EXPECT_GT(endings_[code], 0) << "no job ended with " << code;
  }
}

TEST_F(SimulationTest, WithoutFaultsEveryJobSucceedsInOneGeneration) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Scenario scenario = small_scenario(seed);
    scenario.faults.clear();
    scenario.late = scenario.disorder = scenario.late_ticks = 0;
    scenario.settings.scale_up_wait.reset();
    Simulation simulation(scenario);

    ASSERT_EQ(simulation.run(), "") << "seed " << seed;

    EXPECT_EQ(simulation.outcome()->exit_code, 0) << "seed " << seed;
    EXPECT_EQ(simulation.counts().generations, 1u) << "seed " << seed;
  }
}

TEST_F(SimulationTest, NoticesAgentsThatOverstayTheirLease) {
  std::string broken;
  for (uint64_t seed = 1; seed <= 200 && broken.empty(); ++seed) {
    Scenario scenario = rough_scenario(seed);
    scenario.overstay = 5s;
    broken = Simulation(scenario).run();
  }

  EXPECT_NE(broken, "");
}

// A figure for docs/rendezvous.md; the bound is generous, as the machine may be busy.
TEST_F(SimulationTest, FormsAGenerationOfTenThousandAgentsInLittleTime) {
  Settings settings;
  settings.min_nodes = settings.max_nodes = 10'000;
  Coordinator coordinator(settings);
  TimePoint now{1h};
  size_t started = 0;
  const double begin = cpu_seconds();

  for (int i = 0; i < settings.max_nodes; ++i) {
    now = now + 20us;
    for (const Action& action : coordinator.handle(AgentJoined{{concat('n', i)}, {}}, now)) {
      const auto* send = std::get_if<SendTo>(&action);
      if (send != nullptr && std::holds_alternative<StartGeneration>(send->message)) ++started;
    }
  }

  const double seconds = cpu_seconds() - begin;
  std::printf("10,000 agents joined and were started in %.3f s of CPU\n", seconds);
  EXPECT_EQ(started, 10'000u);
  EXPECT_LT(seconds, 2.0 * static_cast<double>(kShare));
}

}  // namespace
}  // namespace fabric::rendezvous
