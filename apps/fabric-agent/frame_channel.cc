#include "frame_channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace fabric::agent {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr int kReadsPerTurn = 8;  // then others in the loop have their turn

}  // namespace

Result<std::unique_ptr<FrameChannel>> FrameChannel::create(process::EventLoop& loop, UniqueFd socket,
                                                           Callbacks callbacks) {
  if (::fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0) return errno_status(errno, "make a socket non-blocking");
  std::unique_ptr<FrameChannel> channel(new FrameChannel(loop, std::move(socket), std::move(callbacks)));
  FABRIC_RETURN_IF_ERROR(loop.watch(channel->socket_.get(), EPOLLIN,
                                    [self = channel.get()](uint32_t events) { self->on_events(events); }));
  return channel;
}

void FrameChannel::send(std::string_view payload) {
  if (!socket_) return;
  queue_ += frames::frame_of(payload);
  if (!waits_for_room_) write_queue();
}

void FrameChannel::drain() {
  while (socket_ && read_once()) {
  }
}

void FrameChannel::flush(Nanoseconds bound) {
  const TimePoint end = loop_.clock().now() + bound;
  while (socket_ && queued_bytes() > 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - loop_.clock().now());
    pollfd poll_fd{socket_.get(), POLLOUT, 0};
    if (left.count() <= 0 || ::poll(&poll_fd, 1, static_cast<int>(left.count())) == 0) return;
    write_queue();
  }
}

void FrameChannel::close() {
  if (!socket_) return;
  loop_.unwatch(socket_.get());
  socket_.reset();
}

void FrameChannel::on_events(uint32_t epoll_events) {
  if ((epoll_events & EPOLLOUT) != 0) write_queue();
  for (int i = 0; i < kReadsPerTurn && socket_; ++i) {
    if (!read_once()) return;
  }
}

// Returns whether there was something to read.
bool FrameChannel::read_once() {
  std::array<char, kReadBytes> bytes;
  ssize_t got = 0;
  do {
    got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    received_.feed({bytes.data(), static_cast<size_t>(got)});
    hand_out_frames();
    return true;
  }
  if (got < 0 && errno == EAGAIN) return false;
  // A peer that dies with unread bytes in its socket resets it: an end like any other.
  if (got < 0 && errno != ECONNRESET)
    fail(errno_status(errno, "read from a socket"));
  else
    fail(received_.is_mid_frame() ? data_loss("the stream ended within a frame") : ok_status());
  return false;
}

void FrameChannel::hand_out_frames() {
  while (socket_) {
    const Result<std::optional<std::string>> payload = received_.next();
    if (!payload.ok()) return fail(payload.status());
    if (!payload->has_value()) return;
    callbacks_.frame(**payload);
  }
}

void FrameChannel::write_queue() {
  while (queued_bytes() > 0) {
    const ssize_t written = ::send(socket_.get(), queue_.data() + sent_, queued_bytes(), MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break;
    sent_ += static_cast<size_t>(written);
  }
  // A peer that is gone is noticed by reading, after all that it sent before has been read; nothing is queued for it.
  if (queued_bytes() == 0 || errno != EAGAIN) {
    queue_.clear();
    sent_ = 0;
  } else if (sent_ > queue_.size() / 2) {
    queue_.erase(0, sent_);
    sent_ = 0;
  }
  const bool waits = !queue_.empty();
  if (waits != waits_for_room_) loop_.modify(socket_.get(), waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
  waits_for_room_ = waits;
}

void FrameChannel::fail(const Status& status) {
  close();
  callbacks_.closed(status);
}

}  // namespace fabric::agent
