#include "process/output_pump.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace fabric::process {
namespace {

constexpr size_t kReadBytes = 128 * 1024;
constexpr size_t kBufferBytes = OutputPump::kMaxLineBytes + kReadBytes;
constexpr int kPipeBytes = 256 * 1024;
constexpr int kReadsPerTurn = 4;  // then others in the loop have their turn

}  // namespace

Result<UniqueFd> open_log(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) return errno_status(error.value(), concat("make the directory of log '", path, "'"));
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!fd) return errno_status(errno, concat("open log '", path, "'"));
  return fd;
}

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
  write_log({buffer_.get() + used_, static_cast<size_t>(got)});
  used_ += static_cast<size_t>(got);
  hand_out_lines();
  return true;
}

void OutputPump::write_log(std::string_view bytes) {
  while (sink_.log_fd >= 0 && !bytes.empty()) {
    const ssize_t written = ::write(sink_.log_fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      sink_.log_fd = -1;
      if (sink_.log_failed) sink_.log_failed(errno_status(errno, "write the log of a rank"));
    }
  }
}

// Afterwards buffer_ holds at most kMaxLineBytes, the beginning of a line.
void OutputPump::hand_out_lines() {
  const char* const base = buffer_.get();
  size_t begin = 0;
  size_t look = scanned_;
  while (begin < used_) {
    const auto* end = static_cast<const char*>(std::memchr(base + look, '\n', used_ - look));
    const size_t length = (end != nullptr ? static_cast<size_t>(end - base) : used_) - begin;
    if (length > kMaxLineBytes) {
      lines_.emplace_back(base + begin, kMaxLineBytes);
      begin += kMaxLineBytes;
      look = std::max(look, begin);
      continue;
    }
    if (end == nullptr) break;
    lines_.emplace_back(base + begin, length);
    begin += length + 1;
    look = begin;
  }
  if (!lines_.empty() && sink_.lines) sink_.lines(lines_);
  lines_.clear();
  used_ -= begin;
  scanned_ = used_;
  if (begin > 0) std::memmove(buffer_.get(), base + begin, used_);
}

void OutputPump::close() {
  loop_.cancel(deadline_);
  loop_.unwatch(pipe_.get());
  pipe_.reset();
  if (used_ > 0 && sink_.lines) {
    const std::string_view rest(buffer_.get(), used_);
    used_ = 0;
    sink_.lines({&rest, 1});
  }
  if (const auto closed = std::move(sink_.closed)) closed();  // may destroy this
}

}  // namespace fabric::process
