#include "control/coordinator_host.h"

#include <atomic>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "control/coordinator_server.h"
#include "rendezvous/coordinator.h"
#include "rendezvous/event_log.h"

namespace fabric::control {

namespace {

constexpr size_t kMaxPostedLogBytes = size_t{8} << 20;

size_t bytes_of(const LogLines& log) {
  size_t bytes = 64;
  for (const std::string& line : log.lines) bytes += line.size() + 32;
  return bytes;
}

}  // namespace

class CoordinatorHost::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(rendezvous::Coordinator coordinator, process::EventLoop& loop, Log& log, const Clock& clock, Callbacks callbacks)
      : coordinator_(std::move(coordinator)), loop_(loop), log_(log), clock_(clock), callbacks_(std::move(callbacks)) {}

  Status start();
  void stop();
  Status adopt(UniqueFd socket) { return server_->adopt(std::move(socket)); }
  void handle(rendezvous::Event event);

 private:
  // On gRPC's threads.
  void post(std::function<void(Impl&)> call);
  void post_message(ConnectionId connection, AgentMessage message);
  bool admit(LogLines& lines, size_t bytes);

  // On the loop.
  void on_joined(ConnectionId connection, const Join& join);
  void on_message(ConnectionId connection, const AgentMessage& message);
  void on_closed(ConnectionId connection, const Status& status);
  void arm();
  void arm_stores(TimePoint at);

  void decide(const rendezvous::Event& event);
  void give_up(const Status& status, const std::vector<rendezvous::Action>& undone);
  void send_home(const rendezvous::Event& event);
  void finish(rendezvous::JobOutcome outcome);
  Status write_down(const rendezvous::Action& action);

  void perform(const rendezvous::SendTo& action);
  void perform(const rendezvous::DropAgent& action);
  void perform(const rendezvous::OpenStore& action) { server_->open_store(action.generation); }
  void perform(const rendezvous::CloseStore& action) { server_->close_store(action.generation); }
  void perform(const rendezvous::JobFinished& action) { finish(action.outcome); }
  void perform(const rendezvous::Record& action) { callbacks_.record(action.event, action.fields); }
  void perform(const rendezvous::WriteJournal&) {}  // written before, by write_down()

  rendezvous::Coordinator coordinator_;
  process::EventLoop& loop_;
  Log& log_;
  const Clock& clock_;
  const Callbacks callbacks_;
  std::map<ConnectionId, AgentId> agents_;
  std::map<AgentId, ConnectionId> connections_;
  process::TimerId timer_;
  process::TimerId store_timer_;
  std::optional<TimePoint> store_wake_;  // when store_timer_ is due
  std::deque<rendezvous::Event> events_;
  bool handling_ = false;
  std::optional<Shutdown> gave_up_;  // what the agents were told then
  std::atomic<size_t> posted_log_bytes_{0};
  std::atomic<uint64_t> dropped_lines_{0};
  std::unique_ptr<CoordinatorServer> server_;
};

Status CoordinatorHost::Impl::start() {
  CoordinatorServer::Callbacks callbacks;
  callbacks.joined = [this](ConnectionId connection, Join join) {
    post([connection, join = std::move(join)](Impl& host) { host.on_joined(connection, join); });
  };
  callbacks.message = [this](ConnectionId connection, AgentMessage message) {
    post_message(connection, std::move(message));
  };
  callbacks.closed = [this](ConnectionId connection, const Status& status) {
    post([connection, status](Impl& host) { host.on_closed(connection, status); });
  };
  callbacks.wake_at = [this](TimePoint at) { post([at](Impl& host) { host.arm_stores(at); }); };
  FABRIC_ASSIGN_OR_RETURN(server_, CoordinatorServer::create(clock_, std::move(callbacks)));
  handle(rendezvous::Tick{});
  return ok_status();
}

void CoordinatorHost::Impl::stop() {
  server_.reset();
  loop_.cancel(timer_);
  loop_.cancel(store_timer_);
}

void CoordinatorHost::Impl::post(std::function<void(Impl&)> call) {
  loop_.post([weak = weak_from_this(), call = std::move(call)] {
    if (const std::shared_ptr<Impl> host = weak.lock()) call(*host);
  });
}

void CoordinatorHost::Impl::post_message(ConnectionId connection, AgentMessage message) {
  size_t log_bytes = 0;
  if (auto* const lines = std::get_if<LogLines>(&message)) {
    log_bytes = bytes_of(*lines);
    if (!admit(*lines, log_bytes)) return;
  }
  post([connection, log_bytes, message = std::move(message)](Impl& host) {
    host.posted_log_bytes_ -= log_bytes;
    host.on_message(connection, message);
  });
}

// Where the loop is slower than the ranks write, lines are dropped: they are in the files of the node, and must not make
// heartbeats late or fill the memory.
bool CoordinatorHost::Impl::admit(LogLines& lines, size_t bytes) {
  if (posted_log_bytes_.fetch_add(bytes) + bytes <= kMaxPostedLogBytes) {
    lines.dropped += dropped_lines_.exchange(0);
    return true;
  }
  posted_log_bytes_ -= bytes;
  dropped_lines_ += lines.lines.size() + lines.dropped;
  return false;
}

void CoordinatorHost::Impl::on_joined(ConnectionId connection, const Join& join) {
  if (!connections_.try_emplace(join.agent, connection).second) {
    log_.warning("refused an agent because one of its name is connected", {{"agent", join.agent}});
    server_->close(connection, already_exists(concat("agents need different names, but '", join.agent,
                                                     "' is connected already; give this one another name")));
    return;
  }
  agents_[connection] = join.agent;
  handle(rendezvous::AgentJoined{join.agent, join.node});
}

void CoordinatorHost::Impl::on_message(ConnectionId connection, const AgentMessage& message) {
  const auto agent = agents_.find(connection);
  if (agent == agents_.end()) return;
  if (const auto* const lines = std::get_if<LogLines>(&message)) return callbacks_.log_lines(*lines);
  const auto* const progress = std::get_if<RankProgress>(&message);
  if (progress != nullptr && callbacks_.progress) callbacks_.progress(*progress);
  handle(rendezvous::MessageFrom{agent->second, message});
}

void CoordinatorHost::Impl::on_closed(ConnectionId connection, const Status& status) {
  const auto known = agents_.extract(connection);
  if (known.empty()) return;
  connections_.erase(known.mapped());
  handle(rendezvous::AgentLost{known.mapped(), status.ok() ? "it closed its connection" : status.message()});
}

// A callback may lead here again; its event waits until the actions of the one before are done, in their order.
void CoordinatorHost::Impl::handle(rendezvous::Event event) {
  events_.push_back(std::move(event));
  if (std::exchange(handling_, true)) return;
  for (; !events_.empty(); events_.pop_front()) decide(events_.front());
  handling_ = false;
  arm();
}

void CoordinatorHost::Impl::decide(const rendezvous::Event& event) {
  if (gave_up_) return send_home(event);
  const TimePoint now = clock_.now();
  if (callbacks_.log_event) callbacks_.log_event(rendezvous::to_line(event, now));
  const std::vector<rendezvous::Action> actions = coordinator_.handle(event, now);
  for (const rendezvous::Action& action : actions) {
    const Status written = write_down(action);
    if (!written.ok()) return give_up(written, actions);
    std::visit([this](const auto& one) { perform(one); }, action);
  }
}

Status CoordinatorHost::Impl::write_down(const rendezvous::Action& action) {
  const auto* const journal = std::get_if<rendezvous::WriteJournal>(&action);
  if (journal == nullptr || !callbacks_.write_journal) return ok_status();
  return callbacks_.write_journal(rendezvous::to_line(journal->entry));
}

// What comes after an entry that is not on the disk must not happen: the agents are sent home, and their leases end. Where the
// job was over, its outcome stands: that is what happened.
void CoordinatorHost::Impl::give_up(const Status& status, const std::vector<rendezvous::Action>& undone) {
  const std::string failure = concat("the journal of the job cannot be written: ", status.message());
  rendezvous::JobOutcome outcome;
  outcome.exit_code = exit_code::kFailure;
  outcome.reason = failure;
  for (const rendezvous::Action& action : undone) {
    const auto* const finished = std::get_if<rendezvous::JobFinished>(&action);
    if (finished == nullptr) continue;
    outcome = finished->outcome;
    outcome.reason += concat("; ", failure);
  }
  gave_up_ = Shutdown{outcome.exit_code, outcome.reason};
  for (const auto& [agent, connection] : connections_) server_->send(connection, *gave_up_);
  finish(std::move(outcome));
}

// An agent that comes now was away when the others were told.
void CoordinatorHost::Impl::send_home(const rendezvous::Event& event) {
  const auto* const joined = std::get_if<rendezvous::AgentJoined>(&event);
  if (joined != nullptr) perform(rendezvous::SendTo{joined->agent, *gave_up_});
}

void CoordinatorHost::Impl::arm() {
  loop_.cancel(timer_);
  if (gave_up_) return;
  if (const std::optional<TimePoint> deadline = coordinator_.next_deadline()) {
    timer_ = loop_.call_at(*deadline, [this] { handle(rendezvous::Tick{}); });
  }
}

void CoordinatorHost::Impl::arm_stores(TimePoint at) {
  if (store_wake_ && *store_wake_ <= at) return;
  loop_.cancel(store_timer_);
  store_wake_ = at;
  store_timer_ = loop_.call_at(at, [this] {
    store_wake_.reset();
    server_->expire_stores();
  });
}

void CoordinatorHost::Impl::perform(const rendezvous::SendTo& action) {
  const auto connection = connections_.find(action.agent);
  if (connection != connections_.end()) server_->send(connection->second, action.message);
}

void CoordinatorHost::Impl::perform(const rendezvous::DropAgent& action) {
  const auto connection = connections_.extract(action.agent);
  if (connection.empty()) return;
  agents_.erase(connection.mapped());
  server_->close(connection.mapped(), aborted(action.reason));
}

void CoordinatorHost::Impl::finish(rendezvous::JobOutcome outcome) {
  // Posted, so that the callback may destroy the host.
  loop_.post([weak = weak_from_this(), outcome = std::move(outcome)] {
    const std::shared_ptr<Impl> host = weak.lock();
    if (host) host->callbacks_.finished(outcome);
  });
}

Result<std::unique_ptr<CoordinatorHost>> CoordinatorHost::create(rendezvous::Settings settings,
                                                                 process::EventLoop& loop, Log& log, const Clock& clock,
                                                                 Callbacks callbacks,
                                                                 const rendezvous::Journal& journal) {
  FABRIC_RETURN_IF_ERROR(rendezvous::validate(settings));
  if (callbacks.log_event) callbacks.log_event(rendezvous::to_line(rendezvous::LoggedBegin{settings, journal}));
  auto impl = std::make_shared<Impl>(rendezvous::Coordinator(std::move(settings), journal), loop, log, clock,
                                     std::move(callbacks));
  FABRIC_RETURN_IF_ERROR(impl->start());
  return std::unique_ptr<CoordinatorHost>(new CoordinatorHost(std::move(impl)));
}

CoordinatorHost::CoordinatorHost(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
CoordinatorHost::~CoordinatorHost() { impl_->stop(); }
Status CoordinatorHost::adopt_agent(UniqueFd socket) { return impl_->adopt(std::move(socket)); }

void CoordinatorHost::report_gone(const AgentId& agent, const std::string& reason) {
  impl_->handle(rendezvous::AgentGone{agent, reason});
}

void CoordinatorHost::request_stop(const std::string& reason, int exit_code, bool immediate) {
  impl_->handle(rendezvous::StopRequested{reason, exit_code, immediate});
}

void CoordinatorHost::signal_ranks(int signal) { impl_->handle(rendezvous::SignalRequested{signal}); }

}  // namespace fabric::control
