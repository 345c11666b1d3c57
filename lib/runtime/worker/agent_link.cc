#include "runtime/worker/agent_link.h"

#include <c10/util/Exception.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <variant>

#include "core/concat.h"
#include "core/helper_thread.h"
#include "fabric/error.h"
#include "frames/codec.h"

namespace fabric {
namespace {

using std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

/// How long the agent may leave its end of the socket unread before a send gives up.
constexpr milliseconds kSendTimeout{30'000};

Status agent_gone() {
  return unavailable("the agent that started this rank must be there, but has closed the connection");
}

/// Waits until `events` hold on `fd`; returns kDeadlineExceeded at `deadline`.
Status wait_for(int fd, int16_t events, SteadyTime deadline) {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd ready{fd, events, 0};
    const int count = ::poll(&ready, 1, static_cast<int>(std::max(left.count(), milliseconds::rep{0})));
    if (count > 0) return ok_status();
    if (count == 0) return deadline_exceeded("the agent that started this rank must answer in time, but does not");
    if (errno != EINTR) return errno_status(errno, "wait for the agent");
  }
}

/// Feeds `buffer` with what has arrived; blocks if nothing has.
Status receive_into(int fd, frames::FrameBuffer& buffer) {
  std::array<char, 1 << 16> bytes;
  const ssize_t count = ::recv(fd, bytes.data(), bytes.size(), 0);
  if (count > 0) buffer.feed({bytes.data(), static_cast<size_t>(count)});
  if (count > 0 || (count < 0 && errno == EINTR)) return ok_status();
  return count == 0 || errno == ECONNRESET ? agent_gone() : errno_status(errno, "read from the agent");
}

Result<frames::SupervisorMessage> receive_one(int fd, frames::FrameBuffer& buffer, SteadyTime deadline) {
  while (true) {
    FABRIC_ASSIGN_OR_RETURN(const std::optional<std::string> payload, buffer.next());
    if (payload) return frames::decode<frames::SupervisorMessage>(*payload);
    FABRIC_RETURN_IF_ERROR(wait_for(fd, POLLIN, deadline));
    FABRIC_RETURN_IF_ERROR(receive_into(fd, buffer));
  }
}

[[noreturn]] void throw_status(const Status& status) {
  switch (status.code()) {
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kAborted:
    case StatusCode::kCancelled:
      throw PeerError(status.message());
    case StatusCode::kInvalidArgument:
    case StatusCode::kOutOfRange:
    case StatusCode::kFailedPrecondition:
    case StatusCode::kResourceExhausted:
      throw UsageError(status.message());
    case StatusCode::kNotFound:
      C10_THROW_ERROR(DistQueueEmptyError, status.message());
    case StatusCode::kInternal:
    case StatusCode::kUnimplemented:
    case StatusCode::kDataLoss:
      throw InternalError(status.message());
    default:
      throw SystemError(status.message());
  }
}

void check(const Status& status) {
  if (!status.ok()) throw_status(status);
}

milliseconds reply_timeout(const StoreRequest& request) {
  return milliseconds(std::max(request.timeout_ms, int64_t{0})) + AgentLink::kReplyMargin;
}

}  // namespace

std::shared_ptr<AgentLink> AgentLink::connect(UniqueFd socket, milliseconds timeout) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + timeout;
  const std::string hello =
      frames::frame_of(frames::encode(frames::WorkerMessage(frames::WorkerHello{.pid = ::getpid()})));
  if (::send(socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(hello.size())) {
    throw SystemError("cannot say hello to the agent that started this rank: the connection is closed");
  }
  frames::FrameBuffer received;
  Result<frames::SupervisorMessage> message = receive_one(socket.get(), received, deadline);
  if (!message.ok()) throw SystemError(concat("cannot get this rank's assignment: ", message.error().message()));
  auto* assignment = std::get_if<Assignment>(&*message);
  if (assignment == nullptr) throw InternalError("the agent's first message must be an assignment, but is another one");
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC));
  if (!wake) throw SystemError(errno_status(errno, "make an eventfd").message());
  return std::shared_ptr<AgentLink>(
      new AgentLink(std::move(socket), std::move(wake), std::move(*assignment), std::move(received)));
}

AgentLink::AgentLink(UniqueFd socket, UniqueFd wake, Assignment assignment, frames::FrameBuffer received)
    : socket_(std::move(socket)),
      wake_(std::move(wake)),
      assignment_(std::move(assignment)),
      received_(std::move(received)),
      reader_(start_helper_thread("agent-link", [this](std::stop_token stop) {
        try {
          read_replies(stop);
        } catch (const std::exception& error) {
          lose(internal(concat("cannot read what the agent says: ", error.what())));
        }
      })) {}

AgentLink::~AgentLink() {
  reader_.request_stop();
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

StoreResponse AgentLink::call(StoreRequest request) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + reply_timeout(request);
  uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    check(lost_);
    id = next_id_++;
    pending_.emplace(id, PendingCall{});
  }
  if (Status sent = send(frames::StoreCall{id, std::move(request)}); !sent.ok()) {
    const std::lock_guard lock(mutex_);
    pending_.erase(id);
    throw_status(sent);
  }
  std::unique_lock lock(mutex_);
  answered_.wait_until(lock, deadline, [&] { return pending_[id].response.has_value() || !lost_.ok(); });
  std::optional<StoreResponse> response = std::move(pending_[id].response);
  pending_.erase(id);
  if (!response) {
    check(lost_);
    throw SystemError(
        "the agent must answer a store call within its timeout, but did not; it may be stopped or overloaded");
  }
  lock.unlock();
  check({response->code, response->message});
  return std::move(*response);
}

void AgentLink::report_ready() { check(send(frames::WorkerReady{})); }

void AgentLink::report_step(int64_t step) {
  const std::lock_guard lock(write_mutex_);
  const std::string frame = frames::frame_of(frames::encode(frames::WorkerMessage(frames::WorkerStep{step})));
  const ssize_t sent = ::send(socket_.get(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  unsent_step_.reset();
  if (sent < 0 && errno == EAGAIN) unsent_step_ = step;
  // A part went out: the rest must follow before anything else does.
  if (sent > 0) static_cast<void>(write_frame(std::string_view(frame).substr(static_cast<size_t>(sent))));
}

template <class Message>
bool AgentLink::try_to_send(const Message& message) noexcept {
  try {
    return send(message).ok();
  } catch (const std::exception&) {
    return false;  // no memory for the frame: the exit status has to tell
  }
}

bool AgentLink::report_failure(const frames::WorkerFailure& failure) noexcept { return try_to_send(failure); }

void AgentLink::report_returned(int code) noexcept { try_to_send(frames::WorkerReturned{code}); }

Status AgentLink::send(const frames::WorkerMessage& message) {
  const std::string payload = frames::encode(message);
  if (payload.size() > frames::kMaxFrameBytes) {
    return invalid_argument(concat("a store call must have at most ", frames::kMaxFrameBytes, " bytes, but has ",
                                   payload.size(), "; send large data through the process group"));
  }
  const std::lock_guard lock(write_mutex_);
  if (unsent_step_) {
    const frames::WorkerStep step{*std::exchange(unsent_step_, std::nullopt)};
    FABRIC_RETURN_IF_ERROR(write_frame(frames::frame_of(frames::encode(frames::WorkerMessage(step)))));
  }
  return write_frame(frames::frame_of(payload));
}

Status AgentLink::write_frame(std::string_view frame) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + kSendTimeout;
  while (!frame.empty()) {
    const ssize_t sent = ::send(socket_.get(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      frame.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      // A frame that stays cut short makes the stream useless, so running out of time is as if the agent had left.
      const Status writable = wait_for(socket_.get(), POLLOUT, deadline);
      if (!writable.ok()) return unavailable(writable.message());
    } else if (errno != EINTR) {
      return errno == EPIPE || errno == ECONNRESET ? agent_gone() : errno_status(errno, "write to the agent");
    }
  }
  return ok_status();
}

void AgentLink::read_replies(const std::stop_token& stop) {
  Status status = take_frames();
  while (status.ok() && !stop.stop_requested()) {
    std::array<pollfd, 2> ready{pollfd{socket_.get(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
    // No timeout: the destructor writes to wake_, and an agent that dies closes the socket.
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR)
      status = errno_status(errno, "wait for the agent");
    if (!status.ok() || ready[0].revents == 0) continue;
    status = receive_into(socket_.get(), received_);
    if (status.ok()) status = take_frames();
  }
  if (!status.ok()) lose(status);
}

Status AgentLink::take_frames() {
  while (true) {
    FABRIC_ASSIGN_OR_RETURN(const std::optional<std::string> payload, received_.next());
    if (!payload) return ok_status();
    FABRIC_ASSIGN_OR_RETURN(frames::SupervisorMessage message, frames::decode<frames::SupervisorMessage>(*payload));
    FABRIC_RETURN_IF_ERROR(std::visit([this](auto& alternative) { return take(alternative); }, message));
  }
}

Status AgentLink::take(frames::StoreReply& reply) {
  {
    const std::lock_guard lock(mutex_);
    const auto call = pending_.find(reply.id);
    if (call == pending_.end()) return ok_status();  // gave up waiting
    call->second.response = std::move(reply.response);
  }
  answered_.notify_all();
  return ok_status();
}

Status AgentLink::take(const frames::StepQuery&) { return send(frames::WorkerReached{step_gate_.close()}); }

Status AgentLink::take(const frames::StepLimit& limit) {
  step_gate_.open(limit.step);
  return ok_status();
}

Status AgentLink::take(const Assignment&) { return internal("the agent must assign a rank once, but did so again"); }

void AgentLink::lose(Status reason) {
  {
    const std::lock_guard lock(mutex_);
    lost_ = std::move(reason);
  }
  answered_.notify_all();
  step_gate_.open(frames::kNoStepLimit);  // nobody is left who could
}

}  // namespace fabric
