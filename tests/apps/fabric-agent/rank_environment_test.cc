#include "rank_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fabric::agent {
namespace {

using ::testing::Contains;
using ::testing::IsSupersetOf;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

GenerationPlan plan() {
  GenerationPlan plan;
  plan.run_id = "mine";
  plan.run_directory = "/runs/mine";
  plan.world_size = 8;
  plan.node_rank = 1;
  plan.first_global_rank = 4;
  plan.local_world_size = 4;
  plan.threads_per_rank = 3;
  return plan;
}

TEST(RankEnvironmentTest, TheJobsVariablesWinOverInheritedOnesAndFabricsNeverArrive) {
  GenerationPlan job = plan();
  job.env = {{"A", "job"}};

  const Environment environment = common_environment({{"A", "outside"}, {"B", "outside"}, {"FABRIC_X", "1"}}, job);

  EXPECT_EQ(environment, (Environment{{"A", "job"}, {"B", "outside"}}));
}

TEST(RankEnvironmentTest, MacrosStandForWhatTheRankIs) {
  GenerationPlan job = plan();
  job.env = {{"OUT", "${run_dir}/out-${rank}-of-${world_size}"},
             {"WHERE", "${node_rank}.${local_rank} ${run_id}"},
             {"PLAIN", "$${rank} costs $5"}};

  EXPECT_THAT(common_environment({}, job), Not(Contains(Key("OUT"))));
  EXPECT_THAT(own_environment({job, 2}), IsSupersetOf({Pair("OUT", "/runs/mine/out-6-of-8"), Pair("WHERE", "1.2 mine"),
                                                       Pair("PLAIN", "${rank} costs $5")}));
}

TEST(RankEnvironmentTest, ThreadCountsAreThePlansUnlessTheJobSaysOtherwise) {
  GenerationPlan job = plan();
  job.env = {{"OMP_NUM_THREADS", "7"}, {"MKL_NUM_THREADS", "${world_size}"}};

  EXPECT_EQ(own_environment({job, 0}),
            (Environment{{"OMP_NUM_THREADS", "7"}, {"MKL_NUM_THREADS", "8"}, {"OPENBLAS_NUM_THREADS", "3"}}));
}

TEST(RankEnvironmentTest, TheInterfaceIsNcclsUnlessItWasNamedOtherwise) {
  GenerationPlan job = plan();
  job.interface = "eth0";

  EXPECT_THAT(common_environment({}, job), Contains(Pair("NCCL_SOCKET_IFNAME", "=eth0")));
  EXPECT_THAT(common_environment({{"NCCL_SOCKET_IFNAME", "ib0"}}, job), Contains(Pair("NCCL_SOCKET_IFNAME", "ib0")));
}

}  // namespace
}  // namespace fabric::agent
