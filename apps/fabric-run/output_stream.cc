#include "output_stream.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "core/concat.h"

namespace fabric::launcher {
namespace {

constexpr size_t kMaxBytesAtOnce = size_t{1} << 20;  // then the loop gets its turn

bool is_ready(int fd, int timeout_ms) {
  pollfd ready{fd, POLLOUT, 0};
  return ::poll(&ready, 1, timeout_ms) == 1;
}

}  // namespace

OutputStream::OutputStream(process::EventLoop& loop, int fd) : loop_(loop), fd_(fd), is_terminal_(::isatty(fd) == 1) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return;
  is_file_ = S_ISREG(info.st_mode);
  is_pipe_ = S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode);
  device_ = info.st_rdev;
}

OutputStream::~OutputStream() { await_reader(false); }

void OutputStream::write(std::string lines) {
  if (is_closed_ || lines.empty()) return;
  if (queued_bytes_ + lines.size() > kMaxQueuedBytes) {
    dropped_lines_ += static_cast<uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
    return;
  }
  if (dropped_lines_ > 0) {
    lines.insert(0, concat("fabric-run: ", dropped_lines_,
                           " lines are missing here, their reader was too slow; the logs have them\n"));
    dropped_lines_ = 0;
  }
  queued_bytes_ += lines.size();
  queue_.push_back(std::move(lines));
  if (!is_watched_) write_queued();
}

void OutputStream::write_queued() {
  const size_t before = queued_bytes_;
  while (!queue_.empty() && (cannot_watch_ || before - queued_bytes_ < kMaxBytesAtOnce)) {
    if (!is_file_ && !is_ready(fd_, 0)) break;
    if (!write_chunk()) break;
  }
  await_reader(!queue_.empty());
}

// A pipe or terminal that is ready takes PIPE_BUF bytes without waiting.
bool OutputStream::write_chunk() {
  const std::string& first = queue_.front();
  const size_t left = first.size() - written_of_first_;
  const ssize_t wrote =
      ::write(fd_, first.data() + written_of_first_, is_file_ ? left : std::min<size_t>(left, PIPE_BUF));
  if (wrote < 0) {
    if (errno == EINTR) return true;
    if (errno == EAGAIN) return false;
    if (errno != EPIPE && errno != EIO) failure_ = errno_status(errno, "write output");
    is_closed_ = true;
    queue_.clear();
    queued_bytes_ = 0;
    return false;
  }
  written_of_first_ += static_cast<size_t>(wrote);
  queued_bytes_ -= static_cast<size_t>(wrote);
  if (written_of_first_ == first.size()) {
    queue_.pop_front();
    written_of_first_ = 0;
  }
  return true;
}

void OutputStream::await_reader(bool wait) {
  if (wait == is_watched_ || cannot_watch_) return;
  if (!wait) {
    loop_.unwatch(fd_);
    is_watched_ = false;
  } else if (loop_.watch(fd_, EPOLLOUT, [this](uint32_t) { write_queued(); }).ok()) {
    is_watched_ = true;
  } else {
    cannot_watch_ = true;
    write_queued();
  }
}

void OutputStream::flush(Nanoseconds patience) {
  const auto timeout_ms = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(patience).count());
  while (!queue_.empty()) {
    if (!is_file_ && !is_ready(fd_, timeout_ms)) break;
    if (!write_chunk()) break;
  }
  await_reader(false);
}

}  // namespace fabric::launcher
