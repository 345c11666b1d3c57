#include "control/agent_client.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/test_agent.h"

namespace fabric::control {
namespace {

using testing::HasSubstr;

TEST(AgentClientTest, RefusesWhatIsNoSocket) {
  UniqueFd file(::open("/dev/null", O_RDWR | O_CLOEXEC));

  EXPECT_EQ(AgentClient::connect(std::move(file), {}).status().code(), StatusCode::kInvalidArgument);
}

TEST(AgentClientTest, MessagesArriveInOrder) {
  TestServer server;
  const auto agent = server.join("a");
  for (int step = 0; step < 200; ++step) agent->send(RankProgress{{1, 1}, 0, RankPhase::kStep, 1, step, 0});

  ASSERT_TRUE(server.joined.next());
  for (int step = 0; step < 200; ++step) {
    const auto message = server.messages.next();
    ASSERT_TRUE(message);
    EXPECT_EQ(std::get<RankProgress>(message->second).step, step);
  }
}

TEST(AgentClientTest, ClosingSendsWhatIsQueuedFirst) {
  TestServer server;
  const auto agent = server.join("a");
  agent->send(Goodbye{"done"});
  agent->close();
  agent->send(Heartbeat{1});

  EXPECT_EQ(agent->closed.next(), ok_status());
  EXPECT_EQ(std::get<Goodbye>(server.messages.next()->second).reason, "done");
  EXPECT_EQ(server.closed.next()->second, ok_status());
  EXPECT_EQ(server.messages.size(), 0u);
}

TEST(AgentClientTest, ReportsThatTheCoordinatorIsGone) {
  TestServer server;
  const auto agent = server.join("a");
  ASSERT_TRUE(server.joined.next());

  server.destroy();

  const std::optional<Status> status = agent->closed.next();
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code(), StatusCode::kUnavailable);
  EXPECT_EQ(agent->call({1, 1}, {StoreOp::kNumKeys, {}, {}, 0, 0}).code, StatusCode::kUnavailable);
}

TEST(AgentClientTest, ReportsAPeerThatClosesAtOnce) {
  auto [ours, theirs] = socket_pair();
  TestAgent agent(std::move(theirs));
  agent.send(Join{{"a"}, {}});

  ours.reset();

  const std::optional<Status> status = agent.closed.next();
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code(), StatusCode::kUnavailable);
}

TEST(AgentClientTest, CanBeDestroyedWhileNobodyAnswers) {
  auto [silent, theirs] = socket_pair();
  TestAgent agent(std::move(theirs));
  agent.send(Join{{"a"}, {}});
  std::future<StoreResponse> call = agent.start_call({1, 1}, {StoreOp::kGet, {"k"}, {}, 0, 60'000});

  agent.destroy();

  EXPECT_EQ(call.get().code, StatusCode::kCancelled);
  EXPECT_EQ(agent.closed.size(), 0u);
}

TEST(AgentClientTest, DropsLogLinesWhenNobodyReadsAndKeepsTheRest) {
  auto [ours, theirs] = socket_pair();
  TestAgent agent(std::move(theirs));
  agent.send(Join{{"a"}, {}});
  for (int i = 0; i < 30; ++i) agent.send(LogLines{{1, 1}, 0, false, {std::string(1 << 20, 'x')}, 0});
  agent.send(Goodbye{"last"});

  // Only now somebody reads.
  TestServer server;
  ASSERT_EQ(server->adopt(std::move(ours)), ok_status());
  ASSERT_TRUE(server.joined.next());
  uint64_t lines = 0;
  uint64_t dropped = 0;
  const auto read_until_goodbye = [&] {
    while (const auto message = server.messages.next()) {
      const auto* log = std::get_if<LogLines>(&message->second);
      if (log == nullptr) return;
      lines += log->lines.size();
      dropped += log->dropped;
    }
  };
  read_until_goodbye();
  agent.send(LogLines{{1, 1}, 0, false, {"after"}, 0});
  agent.send(Goodbye{"really"});
  read_until_goodbye();

  EXPECT_GT(dropped, 0u);
  EXPECT_EQ(lines + dropped, 31u);
}

TEST(AgentClientTest, HeartbeatsGoBeforeLogLinesThatWait) {
  auto [ours, theirs] = socket_pair();
  TestAgent agent(std::move(theirs));
  agent.send(Join{{"a"}, {}});
  for (int i = 0; i < 6; ++i) agent.send(LogLines{{1, 1}, 0, false, {std::string(1 << 20, 'x')}, 0});
  agent.send(Heartbeat{7});

  TestServer server;
  ASSERT_EQ(server->adopt(std::move(ours)), ok_status());
  int before = 0;
  while (const auto message = server.messages.next()) {
    if (std::holds_alternative<Heartbeat>(message->second)) break;
    ++before;
  }

  EXPECT_LT(before, 3);
}

}  // namespace
}  // namespace fabric::control
