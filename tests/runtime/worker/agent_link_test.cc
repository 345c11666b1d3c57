#include "runtime/worker/agent_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "fabric/error.h"
#include "frames/codec.h"
#include "support/eventually.h"
#include "support/test_agent.h"

namespace fabric {
namespace {

using namespace std::chrono_literals;
using fabric::testing::eventually;
using fabric::testing::TestAgent;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

StoreRequest set_request(const std::string& key, std::string value) {
  return {StoreOp::kSet, {key}, {std::move(value)}, 0, 1000};
}
StoreRequest get_request(const std::string& key, std::chrono::milliseconds timeout = 10s) {
  return {StoreOp::kGet, {key}, {}, 0, timeout.count()};
}

/// A socket whose other end says only what a test writes to it.
struct SilentAgent {
  SilentAgent() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    own.reset(ends[0]);
    rank.reset(ends[1]);
  }
  void say(const frames::SupervisorMessage& message) {
    const std::string frame = frames::frame_of(frames::encode(message));
    EXPECT_EQ(::send(own.get(), frame.data(), frame.size(), MSG_NOSIGNAL), static_cast<ssize_t>(frame.size()));
  }
  UniqueFd own;
  UniqueFd rank;
};

TEST(AgentLinkTest, SaysHelloAndLearnsWhatToRun) {
  GenerationPlan plan;
  plan.generation = {1, 2};
  plan.world_size = 4;
  plan.first_global_rank = 2;
  plan.program = "/somewhere/program.so";
  TestAgent agent(plan);

  const auto first = agent.link();
  const auto second = agent.link();

  EXPECT_EQ(first->assignment().global_rank(), 2);
  EXPECT_EQ(second->assignment().global_rank(), 3);
  EXPECT_EQ(second->assignment().plan.program, "/somewhere/program.so");
  const auto hellos = agent.heard<frames::WorkerHello>();
  ASSERT_EQ(hellos.size(), 2u);
  EXPECT_EQ(hellos[0].protocol_version, frames::kProtocolVersion);
  EXPECT_EQ(hellos[0].pid, ::getpid());
}

TEST(AgentLinkTest, GivesUpWhereTheAgentSaysNothing) {
  SilentAgent agent;

  EXPECT_THAT([&] { AgentLink::connect(std::move(agent.rank), 20ms); },
              ThrowsMessage<SystemError>(HasSubstr("must answer in time")));
}

TEST(AgentLinkTest, SaysThatTheAgentLeftBeforeItAssigned) {
  SilentAgent agent;
  agent.own.reset();

  EXPECT_THROW(AgentLink::connect(std::move(agent.rank), 10s), SystemError);
}

TEST(AgentLinkTest, RefusesAFirstMessageThatIsNoAssignment) {
  SilentAgent agent;
  agent.say(frames::StoreReply{});

  EXPECT_THAT([&] { AgentLink::connect(std::move(agent.rank), 10s); },
              ThrowsMessage<InternalError>(HasSubstr("must be an assignment")));
}

TEST(AgentLinkTest, TakesAnswersThatCameTogetherWithTheAssignment) {
  SilentAgent agent;
  agent.say(Assignment{});
  agent.say(frames::StoreReply{1, {StatusCode::kOk, {}, {"early"}, 0}});

  const auto link = AgentLink::connect(std::move(agent.rank), 10s);

  EXPECT_EQ(link->assignment().global_rank(), 0);  // the answer to a call that nobody made is dropped
}

TEST(AgentLinkTest, ASecondAssignmentEndsTheConnection) {
  SilentAgent agent;
  agent.say(Assignment{});
  const auto link = AgentLink::connect(std::move(agent.rank), 10s);

  agent.say(Assignment{});

  EXPECT_THAT([&] { link->call(get_request("key")); }, ThrowsMessage<InternalError>(HasSubstr("once")));
}

TEST(AgentLinkTest, SaysWhereItCanStopWhateverTheMainThreadDoes) {
  TestAgent agent;
  const auto link = agent.link();
  ASSERT_FALSE(link->step_gate().pass(4));

  agent.tell(frames::StepQuery{});

  ASSERT_TRUE(eventually(10s, [&] { return agent.heard<frames::WorkerReached>().size() == 1; }));
  EXPECT_EQ(agent.heard<frames::WorkerReached>()[0].step, 5);
  EXPECT_FALSE(link->step_gate().is_stopping());
}

TEST(AgentLinkTest, StopsAtTheStepThatItIsTold) {
  TestAgent agent;
  const auto link = agent.link();
  link->step_gate().pass(4);
  agent.tell(frames::StepQuery{});
  ASSERT_TRUE(eventually(10s, [&] { return agent.heard<frames::WorkerReached>().size() == 1; }));

  agent.tell(frames::StepLimit{6});

  EXPECT_FALSE(link->step_gate().pass(5)) << "waits here until the limit has come";
  EXPECT_TRUE(link->step_gate().is_stopping());
  EXPECT_TRUE(link->step_gate().pass(6));
}

TEST(AgentLinkTest, ARankThatWaitsForALimitGoesOnWhenTheAgentIsGone) {
  TestAgent agent;
  const auto link = agent.link();
  link->step_gate().pass(4);
  agent.tell(frames::StepQuery{});
  ASSERT_TRUE(eventually(10s, [&] { return agent.heard<frames::WorkerReached>().size() == 1; }));
  auto waiting = std::async(std::launch::async, [&] { return link->step_gate().pass(5); });

  agent.leave();

  ASSERT_EQ(waiting.wait_for(10s), std::future_status::ready);
  EXPECT_FALSE(waiting.get());
}

TEST(AgentLinkTest, AnswersFindTheirCallsInWhateverOrderTheyCome) {
  TestAgent agent;
  const auto link = agent.link();
  auto later = std::async(std::launch::async, [&] { return link->call(get_request("later")); });
  ASSERT_TRUE(eventually(10s, [&] { return agent.num_waiters() == 1; }));

  link->call(set_request("now", "1"));
  const StoreResponse now = link->call(get_request("now"));
  link->call(set_request("later", "2"));

  EXPECT_THAT(now.values, ::testing::ElementsAre("1"));
  EXPECT_THAT(later.get().values, ::testing::ElementsAre("2"));
}

TEST(AgentLinkTest, ManyThreadsMayCallAtOnce) {
  TestAgent agent;
  const auto link = agent.link();

  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 100; ++j) link->call({StoreOp::kAdd, {"sum"}, {}, 1, 1000});
      });
    }
  }

  EXPECT_EQ(link->call({StoreOp::kAdd, {"sum"}, {}, 0, 1000}).number, 800);
}

TEST(AgentLinkTest, CarriesLargeValues) {
  TestAgent agent;
  const auto link = agent.link();
  const std::string large(5'000'000, 'x');

  link->call(set_request("large", large));

  EXPECT_EQ(link->call(get_request("large")).values.at(0), large);
}

TEST(AgentLinkTest, AWaitThatIsInVainIsAPeerErrorThatNamesTheKey) {
  TestAgent agent;
  const auto link = agent.link();

  EXPECT_THAT([&] { link->call(get_request("rank/1", 10ms)); }, ThrowsMessage<PeerError>(HasSubstr("rank/1")));
}

TEST(AgentLinkTest, TheEndOfTheGenerationIsAPeerError) {
  TestAgent agent;
  const auto link = agent.link();
  auto waiting = std::async(std::launch::async, [&] { return link->call(get_request("never")); });
  ASSERT_TRUE(eventually(10s, [&] { return agent.num_waiters() == 1; }));

  agent.end_generation();

  EXPECT_THROW(waiting.get(), PeerError);
  EXPECT_THROW(link->call(set_request("key", "value")), PeerError);
}

TEST(AgentLinkTest, WhatTheStoreRefusesIsAUsageError) {
  TestAgent agent({}, {.value_bytes = 10});
  const auto link = agent.link();

  EXPECT_THROW(link->call(set_request("key", std::string(11, 'x'))), UsageError);
}

TEST(AgentLinkTest, AllCallsFailSoonWhenTheAgentIsGone) {
  TestAgent agent;
  const auto link = agent.link();
  auto waiting = std::async(std::launch::async, [&] { return link->call(get_request("never", 600s)); });
  ASSERT_TRUE(eventually(10s, [&] { return agent.num_waiters() == 1; }));

  agent.leave();

  ASSERT_EQ(waiting.wait_for(10s), std::future_status::ready);
  EXPECT_THROW(waiting.get(), SystemError);
  EXPECT_THROW(link->call(set_request("key", "value")), SystemError);
  EXPECT_THROW(link->report_ready(), SystemError);
  EXPECT_NO_THROW(link->report_step(1));
  EXPECT_FALSE(link->report_failure({"type", "message", "", 0}));
  EXPECT_NO_THROW(link->report_returned(0));
}

TEST(AgentLinkTest, TellsThatItIsReadyAndWhyItFails) {
  TestAgent agent;
  const auto link = agent.link();

  link->report_ready();
  EXPECT_TRUE(link->report_failure({"std::bad_alloc", "no memory", "at train()", 7}));
  link->report_returned(300);

  ASSERT_TRUE(eventually(10s, [&] { return agent.heard<frames::WorkerReturned>().size() == 1; }));
  ASSERT_EQ(agent.heard<frames::WorkerFailure>().size(), 1u);
  EXPECT_EQ(agent.heard<frames::WorkerReady>().size(), 1u);
  EXPECT_EQ(agent.heard<frames::WorkerFailure>()[0].exception_type, "std::bad_alloc");
  EXPECT_EQ(agent.heard<frames::WorkerFailure>()[0].backtrace, "at train()");
  EXPECT_EQ(agent.heard<frames::WorkerReturned>()[0].code, 300);
}

TEST(AgentLinkTest, ReportingStepsNeverWaitsForTheAgentAndLosesOnlyOldOnes) {
  TestAgent agent;
  const auto link = agent.link();
  agent.pause();
  constexpr int64_t kSteps = 100'000;  // several times what the socket holds

  for (int64_t step = 1; step <= kSteps; ++step) link->report_step(step);
  agent.resume();
  link->report_ready();

  ASSERT_TRUE(eventually(10s, [&] { return agent.heard<frames::WorkerReady>().size() == 1; }));
  const auto steps = agent.heard<frames::WorkerStep>();
  EXPECT_LT(steps.size(), static_cast<size_t>(kSteps)) << "the agent was to be too slow for all";
  EXPECT_EQ(steps.back().step, kSteps);
  for (size_t i = 1; i < steps.size(); ++i) ASSERT_GT(steps[i].step, steps[i - 1].step);
}

}  // namespace
}  // namespace fabric
