#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "core/agent_messages.h"
#include "core/clock.h"
#include "core/ids.h"
#include "core/status.h"
#include "core/unique_fd.h"

namespace fabric::control {

/// Names one connection of an agent. Never re-used.
struct ConnectionId {
  uint64_t value = 0;
  auto operator<=>(const ConnectionId&) const = default;
};

/// The services of the coordinator: the agents' streams, and the stores of the open generations. It decides nothing; it
/// only refuses agents that break the protocol. All functions may be called by any thread.
class CoordinatorServer {
 public:
  /// Called on threads of gRPC, those of one connection one at a time: joined once, then messages, then closed once. They
  /// should be short: post to a loop.
  struct Callbacks {
    std::function<void(ConnectionId, Join)> joined;
    std::function<void(ConnectionId, AgentMessage)> message;
    /// ok if the agent closed the stream, else why it ended. Not called for a connection that never joined.
    std::function<void(ConnectionId, Status)> closed;
    /// Asks for expire_stores() at the given time, which is earlier than any asked for before.
    std::function<void(TimePoint)> wake_at;
  };

  /// Starts without a listener: connections come through adopt(). `clock` is borrowed.
  static Result<std::unique_ptr<CoordinatorServer>> create(const Clock& clock, Callbacks callbacks);
  /// Ends all connections, answers all who wait in stores with kAborted, and waits until no callback runs any more. Not to
  /// be called from a callback.
  ~CoordinatorServer();
  CoordinatorServer(const CoordinatorServer&) = delete;
  CoordinatorServer& operator=(const CoordinatorServer&) = delete;

  /// Serves the agent at the other end of `socket`, a connected stream socket. Whoever calls answers for the peer: it is
  /// its child, or has proved who it is. kInvalidArgument if `socket` is none.
  Status adopt(UniqueFd socket);
  /// Queues a message; nothing happens if the connection has ended.
  void send(ConnectionId connection, const CoordinatorMessage& message);
  /// Ends a connection; the agent sees `reason`. `closed` follows.
  void close(ConnectionId connection, const Status& reason);

  void open_store(const GenerationId& generation);
  /// Answers all who wait in the store with kAborted, as are all later calls to it.
  void close_store(const GenerationId& generation);
  /// Answers the calls to stores whose timeout has passed.
  void expire_stores();

 private:
  class Impl;
  explicit CoordinatorServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace fabric::control
