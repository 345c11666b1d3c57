#include <gmock/gmock.h>

#include "fabric/error.h"
#include "runtime/collectives/process_group.h"
#include "support/ranks.h"

namespace fabric {
namespace {

using fabric::testing::RankEnvironment;
using fabric::testing::run_ranks;
using ::testing::HasSubstr;

std::string join(RankEnvironment& environment, const std::string& backend, std::chrono::milliseconds timeout) {
  const auto group = make_process_group(environment.store(), environment.global_rank(), environment.world_size(),
                                        backend, environment.address(), timeout);
  return group->getGroupName();
}

TEST(ProcessGroupTest, JoinsAllRanks) {
  const auto outcomes =
      run_ranks(3, [](RankEnvironment& environment) { return join(environment, "gloo", std::chrono::seconds(30)); });

  for (const auto& outcome : outcomes) {
    EXPECT_TRUE(outcome.ok) << outcome.text;
    EXPECT_EQ(outcome.text, "default");
  }
}

TEST(ProcessGroupTest, NamesTheRankThatDoesNotJoin) {
  const auto outcomes = run_ranks(3, [](RankEnvironment& environment) {
    if (environment.global_rank() == 1) return std::string("stays away");
    return join(environment, "gloo", std::chrono::milliseconds(1'000));
  });

  EXPECT_FALSE(outcomes[0].ok);
  EXPECT_THAT(outcomes[0].text, HasSubstr("PeerError"));
  EXPECT_THAT(outcomes[0].text, HasSubstr("rank 1 of 3 has not come"));
}

TEST(ProcessGroupTest, ReportsAnAddressThatIsNotOfThisNode) {
  const auto outcomes = run_ranks(1, [](RankEnvironment& environment) {
    make_process_group(environment.store(), 0, 1, "gloo", "192.0.2.1", std::chrono::seconds(1));
    return std::string();
  });

  EXPECT_THAT(outcomes[0].text, HasSubstr("SystemError: cannot listen on '192.0.2.1'"));
}

TEST(ProcessGroupTest, RefusesABackendThatItDoesNotKnow) {
  const auto outcomes =
      run_ranks(1, [](RankEnvironment& environment) { return join(environment, "ring", std::chrono::seconds(1)); });

  EXPECT_THAT(outcomes[0].text,
              HasSubstr("UsageError: process group backend must be one of {gloo, nccl}, but is 'ring'"));
}

}  // namespace
}  // namespace fabric
