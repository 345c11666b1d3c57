#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "core/clock.h"
#include "core/status.h"
#include "process/event_loop.h"

namespace fabric::launcher {

/// Writes to fabric-run's own stdout or stderr without ever waiting for the reader: heartbeats would wait too. What the
/// reader does not take is queued up to kMaxQueuedBytes; lines beyond are dropped and counted in the output. A reader that
/// is gone ends the output, not the job. Loop's thread only. SIGPIPE must be ignored.
class OutputStream {
 public:
  static constexpr size_t kMaxQueuedBytes = size_t{8} << 20;

  /// `loop` is borrowed; so is `fd`, which other processes may share: it stays as it is, blocking or not.
  OutputStream(process::EventLoop& loop, int fd);
  ~OutputStream();
  OutputStream(const OutputStream&) = delete;
  OutputStream& operator=(const OutputStream&) = delete;

  /// Queues whole lines, each with its line end, and writes what the reader takes now.
  void write(std::string lines);
  /// Waits until everything is written, the reader is gone, or it has taken nothing for `patience`.
  void flush(Nanoseconds patience);

  int fd() const { return fd_; }
  bool is_terminal() const { return is_terminal_; }
  /// Returns whether it is a pipe or a socket.
  bool is_pipe() const { return is_pipe_; }
  bool is_same_terminal(const OutputStream& other) const {
    return is_terminal_ && other.is_terminal_ && device_ == other.device_;
  }
  /// Returns whether some of what was written still waits for the reader.
  bool has_backlog() const { return !queue_.empty(); }
  bool is_closed() const { return is_closed_; }
  /// Returns why nothing can be written any more; ok while something can, and where the reader is gone of its own will.
  const Status& failure() const { return failure_; }

 private:
  void write_queued();
  bool write_chunk();
  void await_reader(bool wait);

  process::EventLoop& loop_;
  int fd_;
  bool is_file_ = false;
  bool is_terminal_ = false;
  bool is_pipe_ = false;
  dev_t device_ = 0;
  bool is_closed_ = false;
  Status failure_;
  bool is_watched_ = false;
  bool cannot_watch_ = false;  // such as /dev/null, which is always ready
  std::deque<std::string> queue_;
  size_t written_of_first_ = 0;
  size_t queued_bytes_ = 0;
  uint64_t dropped_lines_ = 0;
};

}  // namespace fabric::launcher
