// A load that fails on one rank changes nothing on any.
#include <fabric/fabric.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "support/ranks.h"

namespace fabric {
namespace {

using testing::RankEnvironment;
using testing::require;

/// Refuses what it loads where it is told to, after the fact: it cannot check.
struct Refuses {
  bool refuses = false;
  int64_t value = 1;
  Value state_dict() const { return value; }
  void load_state_dict(const Value& state) {
    if (refuses && state.to_int() != 1) throw UsageError("will not");
    value = state.to_int();
  }
};

/// Saves a state of 2s, and loads it on two ranks into one of 1s that does not fit on rank 1; returns what came of it.
std::string load_where_rank_1_fails(RankEnvironment& environment, bool can_check) {
  const bool fails = environment.global_rank() == 1;
  Fabric fabric(environment, {.accelerator = "cpu", .strategy = "ddp"});
  int64_t number = 2;
  Refuses object{.refuses = false, .value = 2};
  fabric.save("x", {{"number", number}, {"object", object}});
  number = 1;
  object = {.refuses = fails && !can_check};
  std::string text = "old";
  State state{{"number", number}, {"object", object}};
  if (fails && can_check) state.add("missing", text);
  try {
    fabric.load("x", state);
    return "loaded";
  } catch (const UsageError&) {
    require(fails, "the rank that fails gets its own error");
  } catch (const PeerError&) {
    require(!fails, "the other one hears of it");
  }
  require(number == 1 && object.value == 1, "no object may change");
  return "refused";
}

TEST(LoadAgreementTest, NoRankChangesWhereOneFindsThatTheCheckpointDoesNotFit) {
  for (const bool can_check : {true, false}) {
    const auto outcomes = testing::run_ranks(
        2, [&](RankEnvironment& environment) { return load_where_rank_1_fails(environment, can_check); });
    for (const auto& outcome : outcomes) EXPECT_EQ(outcome.text, "refused") << can_check;
  }
}

}  // namespace
}  // namespace fabric
