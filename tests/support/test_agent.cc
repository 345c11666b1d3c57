#include "support/test_agent.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "core/helper_thread.h"
#include "frames/codec.h"

namespace fabric::testing {
namespace {

void send(int fd, const frames::SupervisorMessage& message) {
  const std::string frame = frames::frame_of(frames::encode(message));
  for (size_t done = 0; done < frame.size();) {
    const ssize_t sent = ::send(fd, frame.data() + done, frame.size() - done, MSG_NOSIGNAL);
    if (sent <= 0) return;  // the rank is gone
    done += static_cast<size_t>(sent);
  }
}

}  // namespace

TestAgent::TestAgent(GenerationPlan plan, rendezvous::StoreLimits limits)
    : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      plan_(std::move(plan)),
      store_(limits),
      thread_(start_helper_thread("test-agent", [this](std::stop_token stop) { serve(stop); })) {}

TestAgent::~TestAgent() {
  thread_.request_stop();
  wake();
}

UniqueFd TestAgent::connect() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw std::runtime_error("no socketpair");
  const std::lock_guard lock(mutex_);
  connections_.push_back(std::make_shared<Connection>(Connection{UniqueFd(ends[0]), {}, num_connections_++}));
  wake();
  return UniqueFd(ends[1]);
}

void TestAgent::pause() {
  const std::lock_guard lock(mutex_);
  is_paused_ = true;
  wake();
}

void TestAgent::resume() {
  const std::lock_guard lock(mutex_);
  is_paused_ = false;
  wake();
}

void TestAgent::tell(const frames::SupervisorMessage& message) {
  const std::lock_guard lock(mutex_);
  for (const auto& connection : connections_) send(connection->socket.get(), message);
}

void TestAgent::leave() {
  const std::lock_guard lock(mutex_);
  for (const auto& connection : connections_) ::shutdown(connection->socket.get(), SHUT_RDWR);
}

void TestAgent::end_generation() {
  const std::lock_guard lock(mutex_);
  answer(store_.close());
}

size_t TestAgent::num_waiters() const {
  const std::lock_guard lock(mutex_);
  return store_.num_waiters();
}

void TestAgent::wake() const {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void TestAgent::serve(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<pollfd> ready{{wake_.get(), POLLIN, 0}};
    std::vector<std::shared_ptr<Connection>> connections;
    int timeout = -1;
    {
      const std::lock_guard lock(mutex_);
      if (!is_paused_) connections = connections_;
      timeout = wait_ms();
    }
    for (const auto& connection : connections) ready.push_back({connection->socket.get(), POLLIN, 0});
    ::poll(ready.data(), ready.size(), timeout);

    uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t read = ::read(wake_.get(), &ignored, sizeof ignored);
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < connections.size(); ++i) {
      if (ready[i + 1].revents != 0 && !is_paused_) read_from(connections[i]);
    }
    answer(store_.expire(clock_.now()));
  }
}

int TestAgent::wait_ms() const {
  const auto deadline = store_.next_deadline();
  if (!deadline) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - clock_.now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
}

void TestAgent::read_from(const std::shared_ptr<Connection>& connection) {
  std::array<char, 1 << 16> bytes;
  const ssize_t count = ::recv(connection->socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count <= 0) {
    std::erase(connections_, connection);
    return;
  }
  connection->received.feed({bytes.data(), static_cast<size_t>(count)});
  while (true) {
    const auto payload = connection->received.next();
    if (!payload.ok()) throw std::runtime_error(payload.error().message());
    if (!*payload) return;
    auto message = frames::decode<frames::WorkerMessage>(**payload);
    if (!message.ok()) throw std::runtime_error(message.error().message());
    take(connection, std::move(*message));
  }
}

void TestAgent::take(const std::shared_ptr<Connection>& connection, frames::WorkerMessage message) {
  if (std::holds_alternative<frames::WorkerHello>(message)) {
    send(connection->socket.get(), Assignment{plan_, connection->local_rank});
  }
  if (const auto* call = std::get_if<frames::StoreCall>(&message)) call_store(connection, *call);
  heard_.push_back(std::move(message));
}

void TestAgent::call_store(const std::shared_ptr<Connection>& connection, const frames::StoreCall& call) {
  const rendezvous::WaiterId waiter{next_waiter_++};
  callers_[waiter] = {connection, call.id};
  const auto response = store_.apply(call.request, clock_.now(), waiter);
  if (response) answer({{waiter, *response}});
  answer(store_.take_released());
}

void TestAgent::answer(const std::vector<rendezvous::Released>& released) {
  for (const auto& [waiter, response] : released) {
    const auto caller = callers_.extract(waiter);
    send(caller.mapped().connection->socket.get(), frames::StoreReply{caller.mapped().id, response});
  }
}

}  // namespace fabric::testing
