#include "control/agent_client.h"

#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <utility>

#include "control/channel_options.h"
#include "control/convert.h"
#include "fabric/v1/coordinator.grpc.pb.h"
#include "fabric/v1/store.grpc.pb.h"

namespace fabric::control {

namespace {

constexpr size_t kMaxQueuedLogBytes = size_t{8} << 20;
constexpr size_t kMaxQueuedMessages = 10'000;
constexpr std::chrono::milliseconds kStoreSlack{5'000};

size_t bytes_of(const LogLines& log) {
  size_t bytes = 64;
  for (const std::string& line : log.lines) bytes += line.size() + 32;
  return bytes;
}

struct OpenStoreCall {
  grpc::ClientContext context;
  v1::StoreCall call;
  v1::StoreReply reply;
  AgentClient::StoreDone done;
};

StoreResponse response_of(const grpc::Status& status, v1::StoreReply&& reply) {
  if (!status.ok()) return {from_grpc(status).code(), status.error_message(), {}, 0};
  Result<StoreResponse> response = from_wire(std::move(reply));
  if (response.ok()) return std::move(*response);
  return {response.error().code(), response.error().message(), {}, 0};
}

}  // namespace

// gRPC allows one read and one write at a time. Writes start from any thread, so a hold keeps the call from being done
// until the stream has ended and no write is under way. No operation is started with the mutex held.
class AgentClient::Impl final : public grpc::ClientBidiReactor<v1::AgentMessage, v1::CoordinatorMessage> {
 public:
  Impl(const std::shared_ptr<grpc::Channel>& channel, Callbacks callbacks)
      : callbacks_(std::move(callbacks)),
        coordinator_(v1::Coordinator::NewStub(channel)),
        store_(v1::Store::NewStub(channel)) {
    coordinator_->async()->Agent(&context_, this);
    AddHold();
    StartRead(&incoming_);
    StartCall();
  }
  ~Impl() override;

  void send(AgentMessage message);
  void close();
  void call_store(const GenerationId& generation, StoreRequest request, StoreDone done);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnWritesDoneDone(bool ok) override { OnWriteDone(ok); }
  void OnDone(const grpc::Status& status) override;

 private:
  struct Queued {
    v1::AgentMessage message;
    size_t log_bytes = 0;
  };
  enum class Operation : uint8_t { kNone, kWrite, kWritesDone, kRemoveHold };

  bool enqueue(AgentMessage message);  // with the mutex; false if too much waits
  bool admit(LogLines& log);
  void fail(const Status& status);
  void proceed();
  Operation next_operation();  // with the mutex
  void finish_call(OpenStoreCall* open, const grpc::Status& status);

  const Callbacks callbacks_;
  grpc::ClientContext context_;
  std::unique_ptr<v1::Coordinator::Stub> coordinator_;
  std::unique_ptr<v1::Store::Stub> store_;
  v1::CoordinatorMessage incoming_;  // of the read under way
  v1::AgentMessage outgoing_;        // of the write under way

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Queued> urgent_;  // Join and heartbeats
  std::deque<Queued> queue_;
  size_t queued_log_bytes_ = 0;
  uint64_t dropped_lines_ = 0;
  bool writing_ = false;
  bool write_failed_ = false;
  bool closing_ = false;
  bool writes_done_ = false;
  bool ended_ = false;  // no message will come any more
  bool held_ = true;
  bool done_ = false;
  bool destroying_ = false;
  Status failure_;  // what we found wrong ourselves
  std::set<OpenStoreCall*> open_calls_;
  size_t unfinished_calls_ = 0;  // the open ones, and those about to be destroyed
};

AgentClient::Impl::~Impl() {
  std::unique_lock lock(mutex_);
  destroying_ = true;
  context_.TryCancel();
  for (OpenStoreCall* const open : open_calls_) open->context.TryCancel();
  // A cancelled call always ends; nothing here waits for the peer.
  changed_.wait(lock, [this] { return done_ && unfinished_calls_ == 0; });
}

void AgentClient::Impl::send(AgentMessage message) {
  bool fits = true;
  {
    const std::lock_guard lock(mutex_);
    if (ended_ || closing_) return;
    fits = enqueue(std::move(message));
  }
  if (!fits) return fail(resource_exhausted("the coordinator takes no messages, 10000 are waiting"));
  proceed();
}

bool AgentClient::Impl::enqueue(AgentMessage message) {
  if (auto* log = std::get_if<LogLines>(&message)) {
    if (!admit(*log)) return true;
    const size_t bytes = bytes_of(*log);
    queued_log_bytes_ += bytes;
    queue_.push_back({to_wire(message), bytes});
    return true;
  }
  const bool urgent = std::holds_alternative<Join>(message) || std::holds_alternative<Heartbeat>(message);
  (urgent ? urgent_ : queue_).push_back({to_wire(message), 0});
  return urgent_.size() + queue_.size() <= kMaxQueuedMessages;
}

bool AgentClient::Impl::admit(LogLines& log) {
  if (queued_log_bytes_ + bytes_of(log) > kMaxQueuedLogBytes || queue_.size() >= kMaxQueuedMessages / 2) {
    dropped_lines_ += log.lines.size() + log.dropped;
    return false;
  }
  log.dropped += std::exchange(dropped_lines_, 0);
  return true;
}

void AgentClient::Impl::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  proceed();
}

void AgentClient::Impl::fail(const Status& status) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_.ok()) failure_ = status;
  }
  context_.TryCancel();
}

AgentClient::Impl::Operation AgentClient::Impl::next_operation() {
  if (writing_) return Operation::kNone;
  if (ended_) return std::exchange(held_, false) ? Operation::kRemoveHold : Operation::kNone;
  if (write_failed_ || writes_done_) return Operation::kNone;
  std::deque<Queued>& source = urgent_.empty() ? queue_ : urgent_;
  if (!source.empty()) {
    outgoing_ = std::move(source.front().message);
    queued_log_bytes_ -= source.front().log_bytes;
    source.pop_front();
    writing_ = true;
    return Operation::kWrite;
  }
  if (!closing_) return Operation::kNone;
  writing_ = writes_done_ = true;
  return Operation::kWritesDone;
}

void AgentClient::Impl::proceed() {
  Operation operation = Operation::kNone;
  {
    const std::lock_guard lock(mutex_);
    operation = next_operation();
  }
  switch (operation) {
    case Operation::kNone:
      return;
    case Operation::kWrite:
      return StartWrite(&outgoing_);
    case Operation::kWritesDone:
      return StartWritesDone();
    case Operation::kRemoveHold:
      return RemoveHold();
  }
}

void AgentClient::Impl::OnReadDone(bool ok) {
  if (!ok) {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    return proceed();
  }
  Result<CoordinatorMessage> message = from_wire(incoming_);
  bool wanted = false;
  {
    const std::lock_guard lock(mutex_);
    wanted = !destroying_ && failure_.ok();
  }
  if (!message.ok()) {
    fail(message.error());
  } else if (wanted) {
    callbacks_.message(std::move(*message));
  }
  StartRead(&incoming_);
}

void AgentClient::Impl::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    write_failed_ = write_failed_ || !ok;
  }
  proceed();
}

void AgentClient::Impl::OnDone(const grpc::Status& status) {
  Status why = from_grpc(status);
  bool wanted = false;
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) why = failure_;
    wanted = !destroying_;
  }
  if (wanted) callbacks_.closed(why);
  const std::lock_guard lock(mutex_);
  done_ = true;
  changed_.notify_all();
}

void AgentClient::Impl::call_store(const GenerationId& generation, StoreRequest request, StoreDone done) {
  constexpr int64_t kYearMs = int64_t{366} * 24 * 3'600'000;
  const std::chrono::milliseconds timeout(std::clamp<int64_t>(request.timeout_ms, 0, kYearMs));
  auto open = std::make_unique<OpenStoreCall>();
  open->context.set_deadline(std::chrono::system_clock::now() + timeout + kStoreSlack);
  open->call = to_wire(generation, std::move(request));
  open->done = std::move(done);
  OpenStoreCall* const call = open.release();  // finish_call() owns it
  {
    const std::lock_guard lock(mutex_);
    open_calls_.insert(call);
    ++unfinished_calls_;
  }
  store_->async()->Call(&call->context, &call->call, &call->reply,
                        [this, call](const grpc::Status& status) { finish_call(call, status); });
}

void AgentClient::Impl::finish_call(OpenStoreCall* open, const grpc::Status& status) {
  open->done(response_of(status, std::move(open->reply)));
  {
    const std::lock_guard lock(mutex_);
    open_calls_.erase(open);  // nobody cancels it from now on
  }
  // Its context holds the channel, which must not be destroyed last and here: gRPC would wait for this thread in itself.
  delete open;
  const std::lock_guard lock(mutex_);
  --unfinished_calls_;
  changed_.notify_all();
}

Result<std::unique_ptr<AgentClient>> AgentClient::connect(UniqueFd socket, Callbacks callbacks) {
  FABRIC_RETURN_IF_ERROR(prepare_socket(socket));
  start_grpc();
  const auto channel = grpc::CreateCustomInsecureChannelFromFd("fabric", socket.release(), channel_arguments());
  return std::unique_ptr<AgentClient>(new AgentClient(std::make_unique<Impl>(channel, std::move(callbacks))));
}

AgentClient::AgentClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AgentClient::~AgentClient() = default;
void AgentClient::send(AgentMessage message) { impl_->send(std::move(message)); }
void AgentClient::close() { impl_->close(); }
void AgentClient::call_store(const GenerationId& generation, StoreRequest request, StoreDone done) {
  impl_->call_store(generation, std::move(request), std::move(done));
}

}  // namespace fabric::control
