#include "process/output_pump.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <cerrno>
#include <cstring>

namespace fabric::process {
namespace {

constexpr size_t kReadBytes = 128 * 1024;
constexpr size_t kBufferBytes = kMaxLineBytes + kReadBytes;
constexpr int kPipeBytes = 256 * 1024;
constexpr int kReadsPerTurn = 4;  // then others in the loop have their turn

}  // namespace

Result<std::unique_ptr<OutputPump>> OutputPump::create(EventLoop& loop, UniqueFd pipe, OutputSink sink) {
  ::fcntl(pipe.get(), F_SETPIPE_SZ, kPipeBytes);  // may be refused to a user with many pipes: then it is only slower
  std::unique_ptr<OutputPump> pump(new OutputPump(loop, std::move(pipe), std::move(sink)));
  FABRIC_RETURN_IF_ERROR(loop.watch(pump->pipe_.get(), EPOLLIN, [self = pump.get()](uint32_t) { self->read_some(); }));
  return pump;
}

OutputPump::OutputPump(EventLoop& loop, UniqueFd pipe, OutputSink sink)
    : loop_(loop),
      pipe_(std::move(pipe)),
      sink_(std::move(sink)),
      buffer_(std::make_unique_for_overwrite<char[]>(kBufferBytes)) {}

OutputPump::~OutputPump() {
  loop_.cancel(patience_);
  loop_.cancel(deadline_);
  loop_.unwatch(pipe_.get());
}

void OutputPump::finish_by(TimePoint deadline) {
  if (!pipe_) return;
  loop_.cancel(deadline_);
  deadline_ = loop_.call_at(deadline, [this] {
    for (int i = 0; i < kReadsPerTurn && read_once(); ++i) {
    }
    close();
  });
}

void OutputPump::read_some() {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    if (read_once()) continue;
    if (errno != EAGAIN) close();
    return;
  }
}

// Returns whether there was something; otherwise errno is EAGAIN if there may be more later.
bool OutputPump::read_once() {
  ssize_t got = 0;
  do {
    got = ::read(pipe_.get(), buffer_.get() + used_, kReadBytes);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) {
    if (got == 0) errno = 0;
    return false;
  }
  used_ += static_cast<size_t>(got);
  last_read_ = loop_.clock().now();
  hand_out_lines();
  return true;
}

// Afterwards buffer_ holds at most kMaxLineBytes, the beginning of a line.
void OutputPump::hand_out_lines() {
  const auto* const last_end = static_cast<const char*>(::memrchr(buffer_.get() + scanned_, '\n', used_ - scanned_));
  if (last_end != nullptr) hand_out(static_cast<size_t>(last_end - buffer_.get()) + 1);
  while (used_ > kMaxLineBytes) hand_out(kMaxLineBytes);
  scanned_ = used_;
  await_line_end();
}

// Takes the first `end` bytes out of the buffer.
void OutputPump::hand_out(size_t end) {
  write_log(end);
  if (sink_.text) sink_.text({buffer_.get(), end});
  used_ -= end;
  logged_ = 0;
  scanned_ = 0;
  std::memmove(buffer_.get(), buffer_.get() + end, used_);
}

void OutputPump::write_log(size_t end) {
  if (sink_.log != nullptr && end > logged_) sink_.log->write({buffer_.get() + logged_, end - logged_});
  logged_ = end;
}

void OutputPump::await_line_end() {
  if (logged_ == used_ || patience_ != TimerId{}) return;
  patience_ = loop_.call_at(last_read_ + kPatience, [this] { log_beginning(); });
}

// The end of a line that waits usually comes with the next read, which a busy loop may owe. One who shows progress without
// line ends does not write it, and wants to see in the log what there is.
void OutputPump::log_beginning() {
  patience_ = {};
  if (loop_.clock().now() >= last_read_ + kPatience && !read_once()) write_log(used_);
  await_line_end();
}

void OutputPump::close() {
  loop_.cancel(patience_);
  loop_.cancel(deadline_);
  loop_.unwatch(pipe_.get());
  pipe_.reset();
  if (used_ > 0) hand_out(used_);
  if (const auto closed = std::move(sink_.closed)) closed();  // may destroy this
}

}  // namespace fabric::process
