#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "core/agent_messages.h"
#include "core/ids.h"
#include "core/status.h"
#include "core/store_messages.h"
#include "core/unique_fd.h"

namespace fabric::control {

/// An agent's connection to its coordinator: one stream of messages in both directions, and calls to the store.
class AgentClient {
 public:
  /// Both are called on threads of gRPC, one call at a time, and never once the destructor has begun. They should be
  /// short: post to a loop.
  struct Callbacks {
    std::function<void(CoordinatorMessage)> message;
    /// Called once: ok after close() and the coordinator's consent, else why the connection ended.
    std::function<void(Status)> closed;
  };
  /// Called once, on a thread of gRPC, at the latest before the client's destructor returns.
  using StoreDone = std::function<void(StoreResponse)>;

  /// Starts to talk over `socket`, a connected stream socket whose other end a CoordinatorServer adopts. Does not wait: a
  /// coordinator that cannot be reached shows in `closed`. kInvalidArgument if `socket` is none.
  static Result<std::unique_ptr<AgentClient>> connect(UniqueFd socket, Callbacks callbacks);
  /// Ends the connection and waits until no callback runs any more. Not to be called from a callback.
  ~AgentClient();
  AgentClient(const AgentClient&) = delete;
  AgentClient& operator=(const AgentClient&) = delete;

  /// Queues a message; the first one must be a Join. Any thread. Messages arrive in order, but for heartbeats, which go
  /// before all that waits. Where the coordinator is slow, LogLines are dropped (the next ones carry the number), and a
  /// connection on which 10 000 others wait is closed.
  void send(AgentMessage message);
  /// Ends the stream once all queued messages are sent; `closed` follows. Any thread.
  void close();

  /// Performs `request` in the store of `generation`. Any thread; calls run side by side, in no order. Fails with
  /// kDeadlineExceeded if there is no answer within the timeout of the request and 5 s, kUnavailable if the connection is
  /// gone, kResourceExhausted if the request or its answer is too large.
  void call_store(const GenerationId& generation, StoreRequest request, StoreDone done);

 private:
  class Impl;
  explicit AgentClient(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace fabric::control
