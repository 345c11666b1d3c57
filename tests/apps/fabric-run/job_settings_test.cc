#include "job_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fabric::launcher {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

cluster::ClusterInfo two_nodes() {
  cluster::ClusterInfo cluster;
  cluster.nodes = {{.name = "a", .address = "127.0.0.1"}, {.name = "b", .address = "127.0.0.2"}};
  return cluster;
}

job::JobSpec job_of_two_ranks() {
  job::JobSpec job;
  job.name = "x";
  job.fabric.devices = 2;
  return job;
}

RunPlace place_with(RankWrapper wrapper = {}) {
  return {"id", "/runs/id", "/runs/id/x.so", "/here", std::move(wrapper)};
}

TEST(JobSettingsTest, TellTheCoordinatorWhatTheJobSays) {
  job::JobSpec job = job_of_two_ranks();
  job.elastic = {1, 9, 5, 7s, 100ms, 400ms, 3s, 1h, 4, 9s, 2, 6, std::nullopt, 8s};

  const rendezvous::Settings settings = make_settings(job, two_nodes(), place_with());

  EXPECT_EQ(settings.min_nodes, 1);
  EXPECT_EQ(settings.max_nodes, 2) << "there are no more";
  EXPECT_EQ(settings.ranks_per_node, 2);
  EXPECT_EQ(settings.max_restarts, 5);
  EXPECT_EQ(settings.max_strikes, 2);
  EXPECT_EQ(settings.max_node_losses, 6);
  EXPECT_EQ(settings.max_preemptions, std::nullopt);
  EXPECT_EQ(settings.scale_up_wait, 8s);
  EXPECT_EQ(settings.rendezvous_timeout, 7s);
  EXPECT_EQ(settings.heartbeat_interval, 100ms);
  EXPECT_EQ(settings.lease, 400ms);
  EXPECT_EQ(settings.grace, 3s);
  EXPECT_EQ(settings.restart_window, 1h);
  EXPECT_EQ(settings.max_failures_without_progress, 4);
  EXPECT_EQ(settings.stop_timeout, 9s);
  EXPECT_TRUE(rendezvous::validate(settings).ok());
}

TEST(JobSettingsTest, TellTheAgentsHowRanksStart) {
  job::JobSpec job = job_of_two_ranks();
  job.start_method = StartMethod::kExec;
  job.binding = Binding::kNuma;
  job.limits = {1, 2, 3, 4};
  job.output.rotate_bytes = 5'000;
  job.threads = 6;

  const GenerationPlan plan = make_settings(job, two_nodes(), place_with()).base;

  EXPECT_EQ(plan.start_method, StartMethod::kExec);
  EXPECT_EQ(plan.binding, Binding::kNuma);
  EXPECT_EQ(plan.limits, job.limits);
  EXPECT_EQ(plan.log_rotate_bytes, 5'000);
  EXPECT_EQ(plan.threads_per_rank, 6);
  EXPECT_EQ(plan.workdir, "/here");
  EXPECT_FALSE(plan.waits_without_limit());
}

TEST(JobSettingsTest, LeaveTheNumberOfThreadsToTheAgentUnlessTheJobSaysIt) {
  EXPECT_EQ(make_settings(job_of_two_ranks(), two_nodes(), place_with()).base.threads_per_rank, 0);
}

TEST(JobSettingsTest, TakeTheCpuForNoAcceleratorToBeNear) {
  job::JobSpec job = job_of_two_ranks();
  EXPECT_TRUE(make_settings(job, two_nodes(), place_with()).base.uses_accelerators);

  job.fabric.accelerator = "cpu";

  EXPECT_FALSE(make_settings(job, two_nodes(), place_with()).base.uses_accelerators);
}

TEST(JobSettingsTest, StartNothingAgainThatAToolRuns) {
  job::JobSpec job = job_of_two_ranks();
  job.elastic.max_restarts = 5;

  const rendezvous::Settings settings = make_settings(job, two_nodes(), place_with({{"gdb", "--args"}, {1}, true}));

  EXPECT_EQ(settings.max_restarts, 0);
  EXPECT_THAT(settings.base.wrapper, ElementsAre("gdb", "--args"));
  EXPECT_TRUE(settings.base.wraps(1));
  EXPECT_FALSE(settings.base.wraps(0));
  EXPECT_TRUE(settings.base.wrapper_has_terminal);
  EXPECT_TRUE(settings.base.waits_without_limit());
}

TEST(JobSettingsTest, WrappedRanksMustBeRanksOfTheJob) {
  const int world_size = largest_world(job_of_two_ranks(), two_nodes());
  EXPECT_EQ(world_size, 2) << "elastic.max_nodes is 1";

  EXPECT_TRUE(check_wrapped_ranks({}, world_size).ok());
  EXPECT_TRUE(check_wrapped_ranks({0, 1}, world_size).ok());
  EXPECT_THAT(check_wrapped_ranks({0, 2}, world_size).message(),
              HasSubstr("must name ranks of the job, which are 0 to 1, but names 2"));
}

}  // namespace
}  // namespace fabric::launcher
