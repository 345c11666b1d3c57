#include "control/test_agent.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace fabric::control {

std::pair<UniqueFd, UniqueFd> socket_pair() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

TestAgent::TestAgent(UniqueFd socket) {
  auto client = AgentClient::connect(std::move(socket),
                                     {[this](CoordinatorMessage message) { messages.push(std::move(message)); },
                                      [this](Status status) { closed.push(std::move(status)); }});
  EXPECT_EQ(client.status(), ok_status());
  client_ = std::move(*client);
}

std::future<StoreResponse> TestAgent::start_call(const GenerationId& generation, StoreRequest request) {
  auto promise = std::make_shared<std::promise<StoreResponse>>();
  client_->call_store(generation, std::move(request),
                      [promise](StoreResponse response) { promise->set_value(std::move(response)); });
  return promise->get_future();
}

StoreResponse TestAgent::call(const GenerationId& generation, StoreRequest request) {
  return start_call(generation, std::move(request)).get();
}

TestServer::TestServer() {
  auto server = CoordinatorServer::create(clock_, {[this](ConnectionId id, Join join) {
                                                     joined.push({id, std::move(join)});
                                                   },
                                                   [this](ConnectionId id, AgentMessage message) {
                                                     messages.push({id, std::move(message)});
                                                   },
                                                   [this](ConnectionId id, Status status) {
                                                     closed.push({id, std::move(status)});
                                                   },
                                                   [this](TimePoint at) { wakes.push(at); }});
  EXPECT_EQ(server.status(), ok_status());
  server_ = std::move(*server);
}

std::unique_ptr<TestAgent> TestServer::connect() {
  auto [ours, theirs] = socket_pair();
  EXPECT_EQ(server_->adopt(std::move(ours)), ok_status());
  return std::make_unique<TestAgent>(std::move(theirs));
}

std::unique_ptr<TestAgent> TestServer::join(const std::string& name) {
  std::unique_ptr<TestAgent> agent = connect();
  agent->send(Join{{name}, {}});
  return agent;
}

}  // namespace fabric::control
