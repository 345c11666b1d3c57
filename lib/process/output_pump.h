#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/status.h"
#include "core/unique_fd.h"
#include "process/event_loop.h"
#include "process/lines.h"
#include "process/log_file.h"

namespace fabric::process {

/// Where the bytes of an OutputPump go. All callbacks come on the loop; `closed` may destroy the pump.
struct OutputSink {
  /// Borrowed until `closed`: gets every byte, before the callbacks see it. Several pumps may share one: a line of up to
  /// kMaxLineBytes is not mixed with those of others unless its end takes longer than kPatience to come. nullptr: none.
  LogFile* log = nullptr;
  /// Whole lines with their line ends, valid during the call only: at least one, see for_each_line(). A line of more than
  /// kMaxLineBytes may come in several calls; a last line without an end comes when the output is closed.
  std::function<void(std::string_view text)> text;
  /// Called once, after everything has been handed on.
  std::function<void()> closed;
};

/// Carries what a child writes to a pipe into a log file and to a callback. Never waits for the child. Loop's thread only.
class OutputPump {
 public:
  /// How long the beginning of a line waits for its end before it goes to the log.
  static constexpr Nanoseconds kPatience = std::chrono::milliseconds(100);

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
  void hand_out_lines();
  void hand_out(size_t end);
  void write_log(size_t end);
  void await_line_end();
  void log_beginning();
  void close();

  EventLoop& loop_;
  UniqueFd pipe_;
  OutputSink sink_;
  std::unique_ptr<char[]> buffer_;  // starts with the part of a line that waits for its end
  size_t used_ = 0;
  size_t scanned_ = 0;  // bytes of buffer_ known to hold no line end
  size_t logged_ = 0;   // bytes of buffer_ that are in the log
  TimePoint last_read_;
  TimerId patience_;
  TimerId deadline_;
};

}  // namespace fabric::process
