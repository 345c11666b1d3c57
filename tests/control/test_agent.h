#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/agent_client.h"
#include "control/coordinator_server.h"
#include "core/clock.h"

namespace fabric::control {

/// Returns two connected stream sockets.
std::pair<UniqueFd, UniqueFd> socket_pair();

/// A list that gRPC's threads fill and a test reads; every wait ends after 10 s.
template <class T>
class Inbox {
 public:
  void push(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  /// Takes the oldest one, waiting for it; nullopt if none comes.
  std::optional<T> next() {
    std::unique_lock lock(mutex_);
    // The system clock, because this version of TSan does not know the wait on the steady one.
    const auto end = std::chrono::system_clock::now() + std::chrono::seconds(10);
    if (!changed_.wait_until(lock, end, [this] { return !values_.empty(); })) return std::nullopt;
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }
  size_t size() {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> values_;
};

/// An agent's end of a connection that keeps what it hears.
class TestAgent {
 public:
  explicit TestAgent(UniqueFd socket);
  void send(AgentMessage message) { client_->send(std::move(message)); }
  void close() { client_->close(); }
  void destroy() { client_.reset(); }
  /// Calls the store and waits for the answer.
  StoreResponse call(const GenerationId& generation, StoreRequest request);
  std::future<StoreResponse> start_call(const GenerationId& generation, StoreRequest request);

  Inbox<CoordinatorMessage> messages;
  Inbox<Status> closed;

 private:
  std::unique_ptr<AgentClient> client_;
};

/// A server that keeps what it hears, and connects agents to itself.
class TestServer {
 public:
  TestServer();
  std::unique_ptr<TestAgent> connect();
  /// Connects an agent that has joined.
  std::unique_ptr<TestAgent> join(const std::string& name);
  CoordinatorServer& operator*() { return *server_; }
  CoordinatorServer* operator->() { return server_.get(); }
  void destroy() { server_.reset(); }

  Inbox<std::pair<ConnectionId, Join>> joined;
  Inbox<std::pair<ConnectionId, AgentMessage>> messages;
  Inbox<std::pair<ConnectionId, Status>> closed;
  Inbox<TimePoint> wakes;

 private:
  SystemClock clock_;
  std::unique_ptr<CoordinatorServer> server_;
};

}  // namespace fabric::control
