#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/generation_plan.h"
#include "core/store_messages.h"
#include "core/unique_fd.h"
#include "frames/frame_buffer.h"
#include "frames/messages.h"
#include "runtime/worker/step_gate.h"

namespace fabric {

/// A rank's connection to the agent that started it: one stream socket, many calls at a time. Any thread.
///
/// This is the one place of the runtime where a Status becomes an exception.
class AgentLink {
 public:
  /// How long the agent may take beyond a store call's own timeout before it counts as gone.
  static constexpr std::chrono::milliseconds kReplyMargin{10'000};

  /// Says hello over `socket` and returns when the agent has said what to run. Takes the socket; it must be blocking.
  /// Throws SystemError if the agent goes away or says nothing within `timeout`, InternalError if it says something else.
  static std::shared_ptr<AgentLink> connect(UniqueFd socket, std::chrono::milliseconds timeout);
  ~AgentLink();
  AgentLink(const AgentLink&) = delete;
  AgentLink& operator=(const AgentLink&) = delete;

  /// Returns what this rank was told to run; does not change.
  const Assignment& assignment() const { return assignment_; }

  /// Makes a call to the generation's store and blocks until its answer is there, at most for the request's timeout and
  /// kReplyMargin. Throws PeerError if keys did not come in time or the generation is over, SystemError if the agent cannot
  /// be reached, UsageError for a request that the store refuses, c10::DistQueueEmptyError for an empty queue.
  StoreResponse call(StoreRequest request);

  /// Tells that train() is about to be called. Throws SystemError if the agent is gone.
  void report_ready();
  /// Tells that `step` ended. Never blocks: where the agent does not keep up, only the latest step is told. An agent that is
  /// gone shows in the next call.
  void report_step(int64_t step);
  /// Where the main thread waits at the end of a step while the ranks agree on the one at which they stop.
  StepGate& step_gate() { return step_gate_; }
  /// Returns true to its first caller, who alone may report why this rank fails.
  bool claim_failure() noexcept { return !is_failure_claimed_.exchange(true); }
  /// Tells why this rank is about to end; again when more has been found out. Returns false if that could not be told. Does
  /// not throw.
  bool report_failure(const frames::WorkerFailure& failure) noexcept;
  /// Tells what train() has returned, the last that a rank says. An agent that is gone need not know.
  void report_returned(int code) noexcept;

 private:
  struct PendingCall {
    std::optional<StoreResponse> response;
  };

  AgentLink(UniqueFd socket, UniqueFd wake, Assignment assignment, frames::FrameBuffer received);

  Status send(const frames::WorkerMessage& message);
  template <class Message>
  bool try_to_send(const Message& message) noexcept;
  Status write_frame(std::string_view frame);
  void read_replies(const std::stop_token& stop);
  Status take_frames();
  Status take(frames::StoreReply& reply);
  Status take(const frames::StepQuery& query);
  Status take(const frames::StepLimit& limit);
  Status take(const Assignment& second);
  void lose(Status reason);

  std::atomic<bool> is_failure_claimed_{false};
  UniqueFd socket_;
  UniqueFd wake_;  ///< eventfd that ends the reader's poll
  Assignment assignment_;
  StepGate step_gate_;
  frames::FrameBuffer received_;  ///< the reader's

  std::mutex write_mutex_;              ///< whole frames, one after the other
  std::optional<int64_t> unsent_step_;  ///< under write_mutex_

  std::mutex mutex_;  ///< guards what follows
  std::condition_variable answered_;
  std::map<uint64_t, PendingCall> pending_;
  uint64_t next_id_ = 1;
  Status lost_;  ///< why the agent is gone; ok while it is there

  std::jthread reader_;
};

}  // namespace fabric
