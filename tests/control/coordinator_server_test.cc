#include "control/coordinator_server.h"

#include <grpc/grpc.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <mutex>

#include "control/test_agent.h"

namespace fabric::control {
namespace {

TEST(CoordinatorServerTest, KeepsItsAgentsApart) {
  TestServer server;
  const auto a = server.join("a");
  const auto first = server.joined.next();
  const auto b = server.join("b");
  const auto second = server.joined.next();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->second.agent.value, "a");
  EXPECT_NE(first->first, second->first);

  server->send(first->first, Shutdown{3, "to a"});
  server->send(second->first, Shutdown{4, "to b"});

  EXPECT_EQ(std::get<Shutdown>(*a->messages.next()).exit_code, 3);
  EXPECT_EQ(std::get<Shutdown>(*b->messages.next()).exit_code, 4);
}

TEST(CoordinatorServerTest, RefusesAnAgentThatDoesNotJoinFirst) {
  TestServer server;
  const auto agent = server.connect();

  agent->send(Goodbye{"hello"});

  EXPECT_EQ(agent->closed.next()->code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(server.messages.size() + server.closed.size(), 0u);
}

TEST(CoordinatorServerTest, RefusesAnAgentThatJoinsTwice) {
  TestServer server;
  const auto agent = server.join("a");

  agent->send(Join{{"b"}, {}});

  EXPECT_EQ(agent->closed.next()->code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(server.closed.next()->second.code(), StatusCode::kFailedPrecondition);
}

TEST(CoordinatorServerTest, RefusesAnAgentWithAnUnsafeName) {
  TestServer server;

  const auto agent = server.join("a/b");

  EXPECT_EQ(agent->closed.next()->code(), StatusCode::kInvalidArgument);
}

TEST(CoordinatorServerTest, ClosingTellsTheAgentWhy) {
  TestServer server;
  const auto agent = server.join("a");

  server->close(server.joined.next()->first, aborted("no heartbeat for 1500 ms"));

  EXPECT_EQ(agent->closed.next(), aborted("no heartbeat for 1500 ms"));
  EXPECT_EQ(server.closed.next()->second.code(), StatusCode::kAborted);
}

TEST(CoordinatorServerTest, NoticesAnAgentThatVanishes) {
  TestServer server;
  const auto agent = server.join("a");
  ASSERT_TRUE(server.joined.next());

  agent->destroy();

  const auto closed = server.closed.next();
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->second.code(), StatusCode::kUnavailable);
}

// The read of such a stream fails before its write or after it.
TEST(CoordinatorServerTest, NoticesAnAgentThatVanishesWhileAMessageToItIsUnderWay) {
  constexpr int kAgents = 100;
  TestServer server;
  for (int i = 0; i < kAgents; ++i) {
    auto [servers, agents] = socket_pair();
    const UniqueFd line(::dup(agents.get()));
    std::promise<void> got_message;
    std::promise<void> may_read;
    ASSERT_EQ(server->adopt(std::move(servers)), ok_status());
    std::once_flag first;
    const auto on_message = [&](const CoordinatorMessage&) {
      std::call_once(first, [&] {
        got_message.set_value();
        may_read.get_future().wait();
      });
    };
    const auto agent = AgentClient::connect(std::move(agents), {on_message, [](const Status&) {}});
    ASSERT_EQ(agent.status(), ok_status());
    (*agent)->send(Join{{concat("agent", i)}, {}});
    const ConnectionId id = server.joined.next().value().first;
    server->send(id, HeartbeatAck{1});
    got_message.get_future().wait();
    server->send(id, Shutdown{0, std::string(100'000, 'x')});  // more than the window of a stream that nobody reads

    ::shutdown(line.get(), SHUT_RDWR);

    const auto closed = server.closed.next();
    may_read.set_value();
    ASSERT_TRUE(closed) << "agent " << i;
    EXPECT_EQ(closed->second.code(), StatusCode::kUnavailable);
  }
}

TEST(CoordinatorServerTest, SendingToAConnectionThatEndedIsHarmless) {
  TestServer server;
  const auto agent = server.join("a");
  const ConnectionId id = server.joined.next()->first;
  agent->destroy();
  ASSERT_TRUE(server.closed.next());

  server->send(id, HeartbeatAck{1});
  server->close(id, ok_status());
}

TEST(CoordinatorServerTest, CanBeDestroyedWithAgentsThatTalkAndWait) {
  TestServer server;
  const auto agent = server.join("a");
  server->open_store({1, 1});
  std::future<StoreResponse> parked = agent->start_call({1, 1}, {StoreOp::kGet, {"k"}, {}, 0, 60'000});
  ASSERT_TRUE(server.wakes.next());
  for (int i = 0; i < 100; ++i) agent->send(Heartbeat{1});

  server.destroy();

  EXPECT_EQ(parked.get().code, StatusCode::kAborted);
  EXPECT_EQ(agent->closed.next()->code(), StatusCode::kUnavailable);
}

// The last server or client to go would wait up to 10 s for gRPC's poller, if gRPC went with it.
TEST(CoordinatorServerTest, LeavesGrpcInitialised) {
  TestServer server;

  server.destroy();

  EXPECT_TRUE(grpc_is_initialized());
}

TEST(CoordinatorServerTest, RefusesToAdoptWhatIsNoSocket) {
  TestServer server;

  EXPECT_EQ(server->adopt(UniqueFd()).code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace fabric::control
