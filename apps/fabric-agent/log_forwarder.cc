#include "log_forwarder.h"

#include <algorithm>
#include <utility>

#include "process/lines.h"

namespace fabric::agent {
namespace {

// A stream whose allowance is used up waits for this part of the burst: lines that belong together come together, with few
// gaps between them.
constexpr double kPartToGoOn = 0.25;
// Where nothing follows that could tell of dropped lines, they are told of by themselves.
constexpr Nanoseconds kTellDroppedAfter = std::chrono::milliseconds(500);

}  // namespace

LogForwarder::LogForwarder(process::EventLoop& loop, LogLines from, int num_ranks, const LogLimits& limits, Port port)
    : loop_(loop),
      from_(std::move(from)),
      limits_(limits),
      bytes_per_second_(static_cast<double>(limits.bytes_per_second) / std::max(num_ranks, 1)),
      port_(std::move(port)),
      next_batch_(loop.clock().now()) {
  for (Stream& stream : streams_) {
    stream.allowance_bytes = static_cast<double>(limits_.burst_bytes);
    stream.granted_at = next_batch_;
  }
}

LogForwarder::~LogForwarder() {
  loop_.cancel(batch_timer_);
  loop_.cancel(dropped_timer_);
}

void LogForwarder::add(bool is_stderr, std::string_view text) {
  Stream& stream = streams_[is_stderr ? 1 : 0];
  grant(stream);
  process::for_each_line(text, [&](std::string_view line) {
    const auto cost = static_cast<double>(line.size() + LogLimits::kLineBytes);
    stream.is_muted = stream.is_muted || stream.allowance_bytes < cost;
    if (stream.is_muted) {
      ++stream.dropped_lines;
      return;
    }
    stream.allowance_bytes -= cost;
    add_line(is_stderr, line);
  });
  schedule();
}

void LogForwarder::flush() {
  send_batch();
  tell_dropped();
}

void LogForwarder::grant(Stream& stream) {
  const TimePoint now = loop_.clock().now();
  const double seconds = std::chrono::duration<double>(now - stream.granted_at).count();
  const auto burst = static_cast<double>(limits_.burst_bytes);
  stream.granted_at = now;
  stream.allowance_bytes = std::min(burst, stream.allowance_bytes + seconds * bytes_per_second_);
  if (stream.allowance_bytes >= kPartToGoOn * burst) stream.is_muted = false;
}

void LogForwarder::add_line(bool is_stderr, std::string_view line) {
  if (batched_bytes_ >= limits_.batch_bytes) send_batch();
  batch_of(is_stderr).lines.emplace_back(line);
  batched_bytes_ += line.size() + LogLimits::kLineBytes;
}

// Returns the last message of the batch, or a new one if that is of the other stream or lines are missing after it.
LogLines& LogForwarder::batch_of(bool is_stderr) {
  Stream& stream = streams_[is_stderr ? 1 : 0];
  if (batch_.empty() || batch_.back().is_stderr != is_stderr || stream.dropped_lines > 0) {
    batch_.push_back(from_);
    batch_.back().is_stderr = is_stderr;
    batch_.back().dropped = std::exchange(stream.dropped_lines, 0);
  }
  return batch_.back();
}

void LogForwarder::schedule() {
  if (dropped_timer_ == process::TimerId{} && (streams_[0].dropped_lines > 0 || streams_[1].dropped_lines > 0))
    dropped_timer_ = loop_.call_after(kTellDroppedAfter, [this] { flush(); });
  if (batch_.empty() || batch_timer_ != process::TimerId{}) return;
  if (loop_.clock().now() >= next_batch_) return send_batch();
  batch_timer_ = loop_.call_at(next_batch_, [this] { send_batch(); });
}

void LogForwarder::send_batch() {
  loop_.cancel(std::exchange(batch_timer_, {}));
  next_batch_ = loop_.clock().now() + limits_.interval;
  batched_bytes_ = 0;
  for (LogLines& message : std::exchange(batch_, {})) {
    if (port_.has_room()) {
      port_.send(std::move(message));
    } else {
      streams_[message.is_stderr ? 1 : 0].dropped_lines += message.lines.size() + message.dropped;
    }
  }
}

void LogForwarder::tell_dropped() {
  loop_.cancel(std::exchange(dropped_timer_, {}));
  for (const bool is_stderr : {false, true}) {
    if (streams_[is_stderr ? 1 : 0].dropped_lines == 0) continue;
    LogLines message = from_;
    message.is_stderr = is_stderr;
    message.dropped = std::exchange(streams_[is_stderr ? 1 : 0].dropped_lines, 0);
    port_.send(std::move(message));
  }
}

}  // namespace fabric::agent
