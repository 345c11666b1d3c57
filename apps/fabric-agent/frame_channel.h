#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/status.h"
#include "core/unique_fd.h"
#include "frames/frame_buffer.h"
#include "process/event_loop.h"

namespace fabric::agent {

/// Carries frames over a connected stream socket without ever blocking: what the peer does not take yet waits in memory.
/// Loop's thread only.
class FrameChannel {
 public:
  struct Callbacks {
    /// A whole payload. May close() the channel, must not destroy it.
    std::function<void(std::string_view payload)> frame;
    /// The peer has closed its end (kOk), or the stream broke; called once, never after close(). Must not destroy the
    /// channel.
    std::function<void(const Status&)> closed;
  };

  /// Starts reading. `loop` is borrowed and must outlive the channel.
  static Result<std::unique_ptr<FrameChannel>> create(process::EventLoop& loop, UniqueFd socket, Callbacks callbacks);
  FrameChannel(const FrameChannel&) = delete;
  FrameChannel& operator=(const FrameChannel&) = delete;
  ~FrameChannel() { close(); }

  /// Sends or queues one frame; drops it if the channel is closed.
  void send(std::string_view payload);
  /// Hands out all frames that have arrived, and returns when there is nothing to read for now.
  void drain();
  /// Waits until the queue is sent, the peer is gone, or `bound` has passed. Blocks; for the end of a process only.
  void flush(Nanoseconds bound);
  /// Closes the socket; what is queued is lost. No callback comes afterwards.
  void close();

  bool is_open() const { return static_cast<bool>(socket_); }
  size_t queued_bytes() const { return queue_.size() - sent_; }

 private:
  FrameChannel(process::EventLoop& loop, UniqueFd socket, Callbacks callbacks)
      : loop_(loop), socket_(std::move(socket)), callbacks_(std::move(callbacks)) {}
  void on_events(uint32_t epoll_events);
  bool read_once();
  void hand_out_frames();
  void write_queue();
  void fail(const Status& status);

  process::EventLoop& loop_;
  UniqueFd socket_;
  Callbacks callbacks_;
  frames::FrameBuffer received_;
  std::string queue_;
  size_t sent_ = 0;  // bytes at the beginning of queue_ that are gone already
  bool waits_for_room_ = false;
};

}  // namespace fabric::agent
