// Each rule of the coordinator is needed, and the simulation notices where one is lifted.

#include "rendezvous/rules.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "rendezvous/simulation.h"

namespace fabric::rendezvous {
namespace {

using namespace std::chrono_literals;

/// A coordinator that is wrong in one way.
struct Mutant {
  const char* name;
  void (*lift)(Rules& rules);
  Scenario (*scenario)(uint64_t seed) = rough_scenario;
};

const Mutant kMutants[] = {
    {"LeaseOffByOneHeartbeat", [](Rules& rules) { rules.lease_cut = Settings{}.heartbeat_interval; }},
    {"LeaseNotAwaited", [](Rules& rules) { rules.waits_for_leases = false; }},
    {"ConfirmationNotAwaited", [](Rules& rules) { rules.waits_for_confirmations = false; }},
    {"DepartureIgnored", [](Rules& rules) { rules.heeds_departures = false; }},
    {"OlderGenerationHeeded", [](Rules& rules) { rules.refuses_older_generations = false; }},
    {"BudgetPerAgent", [](Rules& rules) { rules.has_one_budget = false; }},
    {"SpareGivenALiveRank", [](Rules& rules) { rules.gives_a_rank_once = false; }},
    {"SparesStarted", [](Rules& rules) { rules.keeps_spares_waiting = false; }},
    {"RanksNotKept", [](Rules& rules) { rules.keeps_ranks = false; }},
    {"StopReleasedTooEarly", [](Rules& rules) { rules.waits_for_all_answers = false; }},
    {"StopAtTheLowestStep", [](Rules& rules) { rules.stops_at_the_highest_step = false; }},
    {"StoreLeftOpen", [](Rules& rules) { rules.closes_stores = false; }},
    {"SparesForgottenAtTheEnd", [](Rules& rules) { rules.dismisses_spares = false; }},
    {"GenerationReusedAfterACrash", [](Rules& rules) { rules.begins_a_term = false; }},
    {"LeasesForgottenInACrash", [](Rules& rules) { rules.recovers_leases = false; }},
    {"JournalWrittenTooLate", [](Rules& rules) { rules.journals_first = false; }},
    {"BudgetForgottenInACrash", [](Rules& rules) { rules.journals_budgets = false; }},
    {"StopForgottenInACrash", [](Rules& rules) { rules.journals_stops = false; }},
    {"RanksForgottenInACrash", [](Rules& rules) { rules.recovers_ranks = false; }},
    {"LeaseOfAReturningAgentNotWatched", [](Rules& rules) { rules.watches_each_lease = false; }, late_return_scenario},
    {"PatienceWithoutEnd", [](Rules& rules) { rules.loses_patience = false; }},
    {"EndTakenForALoss", [](Rules& rules) { rules.tells_losses_from_ends = false; }},
    {"LatecomersNotDismissed", [](Rules& rules) { rules.dismisses_latecomers = false; }},
    {"StartedAfterAStop", [](Rules& rules) { rules.heeds_stops = false; }},
    {"GrownBeforeTheFirstStep", [](Rules& rules) { rules.grows_after_steps = false; }},
    {"GrownWhileRanksEnd", [](Rules& rules) { rules.grows_before_ends = false; }, late_joiner_scenario},
    {"EndedByGrowth", [](Rules& rules) { rules.goes_on_after_growing = false; }},
    {"ExpectedNodesNotAwaited", [](Rules& rules) { rules.awaits_expected_nodes = false; }},
    {"NobodyBenched", [](Rules& rules) { rules.benches_nodes = false; }},
    {"NodeLossesWithoutLimit", [](Rules& rules) { rules.limits_node_losses = false; }},
    {"PreemptionsWithoutLimit", [](Rules& rules) { rules.limits_preemptions = false; }},
    {"RequeueTakenForSuccess", [](Rules& rules) { rules.tells_requeue_from_success = false; }},
};

class RulesTest : public ::testing::TestWithParam<Mutant> {};

TEST_P(RulesTest, WithoutThisRuleTheSimulationBreaksWithinTwoHundredSeeds) {
  Rules rules;
  GetParam().lift(rules);
  std::string broken;
  uint64_t seed = 0;

  while (broken.empty() && seed < 200) broken = Simulation(GetParam().scenario(++seed), rules).run();

  EXPECT_NE(broken, "") << "no seed of 200 caught " << GetParam().name;
  std::printf("%s: caught by seed %llu: %s\n", GetParam().name, static_cast<unsigned long long>(seed), broken.c_str());
}

INSTANTIATE_TEST_SUITE_P(Mutants, RulesTest, ::testing::ValuesIn(kMutants),
                         [](const auto& mutant) { return std::string(mutant.param.name); });

TEST(ShortestHistoryTest, LeavesOutWhatTheSameRuleDoesNotNeed) {
  Rules rules;
  rules.heeds_departures = false;
  Scenario scenario;
  std::string broken;
  for (uint64_t seed = 1; broken.empty(); ++seed) {
    scenario = rough_scenario(seed);
    broken = Simulation(scenario, rules).run();
  }

  const Scenario shorter = shortest_scenario(scenario, rules);

  EXPECT_LT(shorter.faults.size(), scenario.faults.size());
  EXPECT_EQ(rule_in(Simulation(shorter, rules).run()), rule_in(broken));
  const std::string history = shortest_history(scenario, rules);
  EXPECT_EQ(rule_in(history.substr(0, history.find('\n'))), rule_in(broken));
  EXPECT_NE(history.find(" joined "), std::string::npos) << history;
}

TEST(RulesOfTheRoughWorldTest, HoldWhereNoneIsLifted) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    EXPECT_EQ(Simulation(rough_scenario(seed)).run(), "") << shortest_history(rough_scenario(seed));
  }
}

}  // namespace
}  // namespace fabric::rendezvous
