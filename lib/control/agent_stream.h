#pragma once

#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "core/agent_messages.h"
#include "core/status.h"
#include "fabric/v1/coordinator.pb.h"

namespace fabric::control {

/// The coordinator's end of one agent's stream. It has two owners that end at different times: gRPC until OnDone, and
/// whoever sends on it.
class AgentStream final : public grpc::ServerBidiReactor<v1::AgentMessage, v1::CoordinatorMessage> {
 public:
  /// Called on threads of gRPC, one call at a time.
  struct Callbacks {
    std::function<void(AgentMessage)> message;
    /// Called once, last: ok if the agent closed the stream, else why it ended.
    std::function<void(Status)> closed;
  };

  explicit AgentStream(Callbacks callbacks) : callbacks_(std::move(callbacks)) {}
  /// Starts to read. `self` is this stream; it is kept until the stream has ended.
  void start(std::shared_ptr<AgentStream> self);
  /// Queues a message. Any thread; dropped if the stream has ended. A stream on which 10 000 messages wait is finished.
  void send(const CoordinatorMessage& message);
  /// Ends the stream with `status`; what is still queued is dropped. Any thread; the first call counts.
  void finish(const Status& status);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  enum class Operation : uint8_t { kNone, kWrite, kFinish };

  void read();
  void proceed();
  Operation next_operation();  // with the mutex

  const Callbacks callbacks_;
  v1::AgentMessage incoming_;        // of the read under way
  v1::CoordinatorMessage outgoing_;  // of the write under way

  std::mutex mutex_;
  std::shared_ptr<AgentStream> self_;
  std::deque<v1::CoordinatorMessage> queue_;
  bool starting_read_ = false;
  bool writing_ = false;
  bool finishing_ = false;
  bool finished_ = false;
  bool cancelled_ = false;
  Status status_;
};

}  // namespace fabric::control
