#include "control/agent_stream.h"

#include <utility>

#include "control/channel_options.h"
#include "control/convert.h"

namespace fabric::control {

namespace {
constexpr size_t kMaxQueuedMessages = 10'000;
}

void AgentStream::start(std::shared_ptr<AgentStream> self) {
  {
    const std::lock_guard lock(mutex_);
    self_ = std::move(self);
  }
  read();
}

void AgentStream::read() {
  {
    const std::lock_guard lock(mutex_);
    if (finishing_) return;
    starting_read_ = true;
  }
  StartRead(&incoming_);
  {
    const std::lock_guard lock(mutex_);
    starting_read_ = false;
  }
  proceed();
}

void AgentStream::send(const CoordinatorMessage& message) {
  bool fits = true;
  {
    const std::lock_guard lock(mutex_);
    if (finishing_) return;
    queue_.push_back(to_wire(message));
    fits = queue_.size() <= kMaxQueuedMessages;
  }
  if (!fits) return finish(resource_exhausted("the agent takes no messages, 10000 are waiting"));
  proceed();
}

void AgentStream::finish(const Status& status) {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(finishing_, true)) {  // the first reason counts
      status_ = status;
      queue_.clear();
    }
  }
  // Also for a later reason: with it ended what the first had to wait for, as a write that fails after the read.
  proceed();
}

// One write at a time, and nothing may be started after Finish. No operation is started with the mutex held.
AgentStream::Operation AgentStream::next_operation() {
  if (writing_ || finished_ || (finishing_ && starting_read_)) return Operation::kNone;
  if (finishing_) {
    finished_ = true;
    return Operation::kFinish;
  }
  if (queue_.empty()) return Operation::kNone;
  outgoing_ = std::move(queue_.front());
  queue_.pop_front();
  writing_ = true;
  return Operation::kWrite;
}

void AgentStream::proceed() {
  Operation operation = Operation::kNone;
  grpc::Status status;
  {
    const std::lock_guard lock(mutex_);
    operation = next_operation();
    status = to_grpc(status_);
  }
  switch (operation) {
    case Operation::kNone:
      return;
    case Operation::kWrite:
      return StartWrite(&outgoing_);
    case Operation::kFinish:
      return Finish(status);
  }
}

void AgentStream::OnReadDone(bool ok) {
  if (!ok) return finish(ok_status());
  Result<AgentMessage> message = from_wire(incoming_);
  if (!message.ok()) return finish(message.error());
  callbacks_.message(std::move(*message));
  read();
}

void AgentStream::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
  }
  if (!ok) return finish(unavailable("the connection to the agent is lost"));
  proceed();
}

void AgentStream::OnCancel() {
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
  }
  finish(unavailable("the connection to the agent is lost"));
}

void AgentStream::OnDone() {
  std::shared_ptr<AgentStream> self;
  Status status;
  {
    const std::lock_guard lock(mutex_);
    self = std::move(self_);
    status = status_.ok() && cancelled_ ? unavailable("the connection to the agent is lost") : status_;
  }
  callbacks_.closed(status);
}

}  // namespace fabric::control
