#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/status.h"
#include "core/unique_fd.h"
#include "process/event_loop.h"

namespace fabric::process {

/// Opens a log file for appending, and makes the directories above it. Several writers may share it.
/// Fails with the errno of the step, naming the path.
Result<UniqueFd> open_log(const std::string& path);

/// Where the bytes of an OutputPump go. All callbacks come on the loop; `closed` may destroy the pump.
struct OutputSink {
  /// Borrowed until `closed`: gets every byte, before the callbacks see it. -1: none.
  int log_fd = -1;
  /// Whole lines, without line ends, valid during the call only. A line of more than kMaxLineBytes comes in pieces; a
  /// last line without an end comes when the output is closed.
  std::function<void(std::span<const std::string_view>)> lines;
  /// Called once, after everything has been handed on.
  std::function<void()> closed;
  /// Called once if the log file cannot be written; the pump goes on without it.
  std::function<void(const Status&)> log_failed;
};

/// Carries what a child writes to a pipe into a log file and to a callback. Never waits for the child. Loop's thread only.
class OutputPump {
 public:
  static constexpr size_t kMaxLineBytes = 64 * 1024;

  /// Starts reading. `pipe` must be non-blocking; `loop` is borrowed and must outlive the pump.
  static Result<std::unique_ptr<OutputPump>> create(EventLoop& loop, UniqueFd pipe, OutputSink sink);
  OutputPump(const OutputPump&) = delete;
  OutputPump& operator=(const OutputPump&) = delete;
  ~OutputPump();

  /// Says that the child has ended: reads on until the end of the pipe, and gives up at `deadline` where a grandchild
  /// holds the other end; `closed` comes then. Nothing happens if it came already.
  void finish_by(TimePoint deadline);

 private:
  OutputPump(EventLoop& loop, UniqueFd pipe, OutputSink sink);
  void read_some();
  bool read_once();
  void write_log(std::string_view bytes);
  void hand_out_lines();
  void close();

  EventLoop& loop_;
  UniqueFd pipe_;
  OutputSink sink_;
  std::unique_ptr<char[]> buffer_;  // starts with the part of a line that waits for its end
  size_t used_ = 0;
  size_t scanned_ = 0;  // bytes of buffer_ known to hold no line end
  std::vector<std::string_view> lines_;
  TimerId deadline_;
};

}  // namespace fabric::process
