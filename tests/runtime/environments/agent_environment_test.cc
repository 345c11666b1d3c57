#include "runtime/environments/agent_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "fabric/error.h"
#include "support/eventually.h"
#include "support/test_agent.h"

namespace fabric {
namespace {

using namespace std::chrono_literals;
using fabric::testing::eventually;
using fabric::testing::TestAgent;

GenerationPlan two_nodes() {
  GenerationPlan plan;
  plan.generation = {1, 3};
  plan.world_size = 4;
  plan.num_nodes = 2;
  plan.node_rank = 1;
  plan.first_global_rank = 2;
  plan.local_world_size = 2;
  plan.restart_count = 2;
  plan.furthest_step = 17;
  plan.run_directory = "/runs/one";
  plan.job_json = R"({"name": "one"})";
  plan.job_directory = "/jobs";
  return plan;
}

TEST(AgentEnvironmentTest, SaysWhatThePlanSays) {
  TestAgent agent(two_nodes());
  const auto first = agent.link();

  AgentEnvironment environment(agent.link());

  EXPECT_EQ(environment.name(), "agent");
  EXPECT_EQ(environment.global_rank(), 3);
  EXPECT_EQ(environment.local_rank(), 1);
  EXPECT_EQ(environment.node_rank(), 1);
  EXPECT_EQ(environment.world_size(), 4);
  EXPECT_EQ(environment.local_world_size(), 2);
  EXPECT_EQ(environment.num_nodes(), 2);
  EXPECT_EQ(environment.restart_count(), 2);
  EXPECT_EQ(environment.furthest_step(), 17);
  EXPECT_EQ(environment.run_directory(), "/runs/one");
  EXPECT_EQ(environment.job_json(), R"({"name": "one"})");
  EXPECT_EQ(environment.job_directory(), "/jobs");
}

TEST(AgentEnvironmentTest, WaitsWithoutLimitWhereAToolRunsRanks) {
  GenerationPlan plan = two_nodes();
  TestAgent plain(plan);
  plan.wrapper = {"gdb", "--args"};
  plan.wrapped_ranks = {0};  // another one
  TestAgent wrapped(plan);

  AgentEnvironment hasty(plain.link());
  AgentEnvironment patient(wrapped.link());

  EXPECT_FALSE(hasty.waits_without_limit());
  EXPECT_EQ(hasty.store()->getTimeout(), c10d::Store::kDefaultTimeout);
  EXPECT_TRUE(patient.waits_without_limit());
  EXPECT_EQ(patient.store()->getTimeout(), c10d::Store::kNoTimeout);
}

TEST(AgentEnvironmentTest, ListensOnLoopbackWithinOneHost) {
  GenerationPlan plan;
  plan.main_address = "192.0.2.1";
  TestAgent agent(plan);

  EXPECT_EQ(AgentEnvironment(agent.link()).address(), "127.0.0.1");
}

TEST(AgentEnvironmentTest, ListensWhereItReachesTheMainNode) {
  GenerationPlan plan = two_nodes();
  plan.main_address = "127.0.0.5";
  TestAgent agent(plan);

  EXPECT_EQ(AgentEnvironment(agent.link()).address(), "127.0.0.1");
}

TEST(AgentEnvironmentTest, RefusesANameForTheMainAddress) {
  GenerationPlan plan = two_nodes();
  plan.main_address = "node0.example";
  TestAgent agent(plan);

  EXPECT_THROW(AgentEnvironment(agent.link()), InternalError);
}

TEST(AgentEnvironmentTest, ItsStoresOutliveIt) {
  TestAgent agent;
  c10::intrusive_ptr<c10d::Store> store;
  {
    AgentEnvironment environment(agent.link());
    store = environment.store();
  }

  store->set("key", "value");

  EXPECT_EQ(store->get_to_str("key"), "value");
}

TEST(AgentEnvironmentTest, TellsTheAgentHowItGoesOn) {
  TestAgent agent;
  AgentEnvironment environment(agent.link());

  environment.report_ready();
  environment.report_step(7);
  environment.report_failure(std::make_exception_ptr(std::runtime_error("no data")));

  // At once, and again with the backtrace.
  ASSERT_TRUE(eventually(10s, [&] { return agent.heard<frames::WorkerFailure>().size() == 2; }));
  EXPECT_EQ(agent.heard<frames::WorkerReady>().size(), 1u);
  EXPECT_EQ(agent.heard<frames::WorkerStep>().at(0).step, 7);
  EXPECT_EQ(agent.heard<frames::WorkerFailure>()[0].exception_type, "std::runtime_error");
  EXPECT_EQ(agent.heard<frames::WorkerFailure>()[0].message, "no data");
}

TEST(AgentEnvironmentTest, StopsWhereTheAgentSays) {
  TestAgent agent;
  AgentEnvironment environment(agent.link());
  EXPECT_FALSE(environment.stops_after(1));
  EXPECT_FALSE(environment.should_stop());

  agent.tell(frames::StepLimit{3});
  ASSERT_TRUE(eventually(10s, [&] { return environment.should_stop(); }));

  agent.tell(frames::StepQuery{});
  ASSERT_TRUE(eventually(10s, [&] { return agent.heard<frames::WorkerReached>().size() == 1; }));
  EXPECT_FALSE(environment.stops_after(2));
  EXPECT_TRUE(environment.stops_after(3));
}

}  // namespace
}  // namespace fabric
