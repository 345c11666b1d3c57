#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "core/agent_messages.h"
#include "process/event_loop.h"

namespace fabric::agent {

/// How much of what ranks print travels to the launcher. All of it is in their logs.
struct LogLimits {
  /// Least time between two batches of a rank, but for one that has grown to `batch_bytes`.
  Nanoseconds interval = std::chrono::milliseconds(10);
  size_t batch_bytes = size_t{128} << 10;
  /// What the ranks of a node may send in the long run, shared out evenly among them, and what each of the two streams of a
  /// rank may send at once after a pause. A line costs kLineBytes more than it has.
  size_t bytes_per_second = size_t{16} << 20;
  size_t burst_bytes = size_t{4} << 20;
  static constexpr size_t kLineBytes = 64;
};

/// Sends on what one rank prints: gathered into batches, in the order in which it came, and not faster than anybody reads.
/// Lines beyond that are dropped and counted. Loop's thread only.
class LogForwarder {
 public:
  struct Port {
    std::function<void(LogLines)> send;
    /// Asked before lines are sent; if it returns false they are dropped and counted instead.
    std::function<bool()> has_room;
  };

  /// `from` names generation and rank; `num_ranks` share limits.bytes_per_second. `loop` is borrowed.
  LogForwarder(process::EventLoop& loop, LogLines from, int num_ranks, const LogLimits& limits, Port port);
  LogForwarder(const LogForwarder&) = delete;
  LogForwarder& operator=(const LogForwarder&) = delete;
  ~LogForwarder();

  /// Takes the lines of `text`, see process::for_each_line().
  void add(bool is_stderr, std::string_view text);
  /// Sends what waits, and the number of lines that were dropped and not told of yet.
  void flush();

 private:
  struct Stream {
    double allowance_bytes = 0;
    TimePoint granted_at;  // the allowance is that of this time
    bool is_muted = false;
    uint64_t dropped_lines = 0;
  };

  void grant(Stream& stream);
  void add_line(bool is_stderr, std::string_view line);
  LogLines& batch_of(bool is_stderr);
  void schedule();
  void send_batch();
  void tell_dropped();

  process::EventLoop& loop_;
  const LogLines from_;
  const LogLimits limits_;
  const double bytes_per_second_;
  const Port port_;
  std::array<Stream, 2> streams_;
  std::vector<LogLines> batch_;
  size_t batched_bytes_ = 0;
  TimePoint next_batch_;  // earliest time
  process::TimerId batch_timer_;
  process::TimerId dropped_timer_;
};

}  // namespace fabric::agent
