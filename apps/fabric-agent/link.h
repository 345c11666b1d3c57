#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/agent_messages.h"
#include "core/log.h"
#include "core/store_messages.h"
#include "frame_channel.h"
#include "frames/messages.h"
#include "process/event_loop.h"

namespace fabric::agent {

/// The coordinator as the link sees it.
class CoordinatorPort {
 public:
  virtual ~CoordinatorPort() = default;
  /// Sends a message on the agent's stream; dropped if that is closed.
  virtual void send(const AgentMessage& message) = 0;
  /// Calls the store of a generation. `done` comes once, on any thread.
  virtual void call_store(GenerationId generation, StoreRequest request, std::function<void(StoreResponse)> done) = 0;
};

/// The half of an agent that talks to the coordinator: carries messages to and from the supervisor, adds heartbeats, and
/// tells the supervisor how far its lease reaches. Loop's thread only.
class Link {
 public:
  /// All references are borrowed and must outlive the link; `coordinator` must call no callback after the link is gone.
  static Result<std::unique_ptr<Link>> create(process::EventLoop& loop, Log& log, CoordinatorPort& coordinator,
                                              UniqueFd supervisor_socket);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link();

  void on_coordinator_message(const CoordinatorMessage& message);
  /// Ends the agent: without its coordinator it may run nothing.
  void on_coordinator_closed(const Status& status);
  /// Tells the supervisor to end its ranks and exit with `exit_code`; stops the loop if it takes too long. Later calls
  /// do nothing.
  void shut_down(int exit_code, const std::string& reason);
  /// Carries what the supervisor has sent before it ended.
  void drain() { supervisor_->drain(); }

 private:
  struct Beat {
    uint64_t sequence = 0;
    TimePoint sent;
  };

  Link(process::EventLoop& loop, Log& log, CoordinatorPort& coordinator)
      : loop_(loop), log_(log), coordinator_(coordinator) {}
  void on_supervisor_frame(std::string_view payload);
  void on_supervisor_message(const AgentMessage& message);
  void on_supervisor_message(const frames::LinkStoreCall& call);
  void on_order(const Welcome& welcome);
  void on_order(const HeartbeatAck& ack);
  void on_order(const Shutdown& order);
  template <class Other>
  void on_order(const Other& order) {
    to_supervisor(CoordinatorMessage(order));
  }
  void to_supervisor(const frames::ToSupervisor& message);
  void extend_lease(TimePoint from);
  void beat();

  process::EventLoop& loop_;
  Log& log_;
  CoordinatorPort& coordinator_;
  std::unique_ptr<FrameChannel> supervisor_;
  Welcome terms_;
  TimePoint joined_;  // when Join was sent
  uint64_t next_sequence_ = 1;
  std::deque<Beat> open_beats_;  // not acknowledged yet, oldest first
  process::TimerId beat_timer_;
  process::TimerId end_timer_;
  bool shutting_down_ = false;
};

}  // namespace fabric::agent
