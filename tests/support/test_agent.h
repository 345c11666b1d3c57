#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/generation_plan.h"
#include "core/unique_fd.h"
#include "frames/frame_buffer.h"
#include "frames/messages.h"
#include "rendezvous/store_table.h"
#include "runtime/worker/agent_link.h"

namespace fabric::testing {

/// Plays the agent of ranks that live in this process: real frames over real sockets, and the coordinator's own store.
/// Any thread.
class TestAgent {
 public:
  /// Connections get `plan`, with local ranks 0, 1, ... in their order.
  explicit TestAgent(GenerationPlan plan = {}, rendezvous::StoreLimits limits = {});
  ~TestAgent();
  TestAgent(const TestAgent&) = delete;
  TestAgent& operator=(const TestAgent&) = delete;

  /// Returns a rank's end of a new connection.
  UniqueFd connect();
  /// Returns a link over a new connection.
  std::shared_ptr<AgentLink> link() { return AgentLink::connect(connect(), std::chrono::seconds(10)); }

  /// Leaves unread what ranks send, until resume().
  void pause();
  void resume();
  /// Says something to all ranks.
  void tell(const frames::SupervisorMessage& message);
  /// Closes all connections, as the end of the process would.
  void leave();
  /// Ends the generation: the store aborts what waits and refuses what comes.
  void end_generation();

  /// Returns how many calls wait in the store.
  size_t num_waiters() const;
  /// Returns the messages of one kind that ranks have sent, in their order.
  template <class Message>
  std::vector<Message> heard() const {
    const std::lock_guard lock(mutex_);
    std::vector<Message> result;
    for (const frames::WorkerMessage& message : heard_) {
      if (const auto* wanted = std::get_if<Message>(&message)) result.push_back(*wanted);
    }
    return result;
  }

 private:
  struct Connection {
    UniqueFd socket;
    frames::FrameBuffer received;
    int local_rank = 0;
  };
  struct Caller {
    std::shared_ptr<Connection> connection;
    uint64_t id = 0;
  };

  void serve(const std::stop_token& stop);
  void wake() const;
  void read_from(const std::shared_ptr<Connection>& connection);
  void take(const std::shared_ptr<Connection>& connection, frames::WorkerMessage message);
  void call_store(const std::shared_ptr<Connection>& connection, const frames::StoreCall& call);
  void answer(const std::vector<rendezvous::Released>& released);
  int wait_ms() const;

  UniqueFd wake_;
  SystemClock clock_;

  mutable std::mutex mutex_;  ///< guards what follows
  GenerationPlan plan_;
  rendezvous::StoreTable store_;
  std::vector<std::shared_ptr<Connection>> connections_;
  int num_connections_ = 0;
  std::vector<frames::WorkerMessage> heard_;
  std::map<rendezvous::WaiterId, Caller> callers_;
  uint64_t next_waiter_ = 1;
  bool is_paused_ = false;

  std::jthread thread_;
};

}  // namespace fabric::testing
