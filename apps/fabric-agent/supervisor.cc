#include "supervisor.h"

#include <algorithm>

#include "core/exit_codes.h"
#include "frames/codec.h"
#include "process/reaper.h"

namespace fabric::agent {
namespace {

/// Log lines wait for the link up to here, and are dropped beyond; all else is always queued.
constexpr size_t kMaxQueuedLogBytes = 4 << 20;
constexpr Nanoseconds kReapInterval = std::chrono::milliseconds(10);
constexpr Nanoseconds kGoodbyeTimeout = std::chrono::seconds(1);

}  // namespace

Result<std::unique_ptr<Supervisor>> Supervisor::create(process::EventLoop& loop, Log& log, RankStarter& starter,
                                                       SupervisorOptions options, UniqueFd link_socket) {
  std::unique_ptr<Supervisor> supervisor(new Supervisor(loop, log, starter, std::move(options)));
  Supervisor* const self = supervisor.get();
  FABRIC_ASSIGN_OR_RETURN(
      self->link_,
      FrameChannel::create(loop, std::move(link_socket),
                           {.frame = [self](std::string_view payload) { self->on_frame(payload); },
                            .closed = [self](const Status&) { self->abandon("the link has closed its socket"); }}));
  if (self->options_.common_plan.has_value()) {
    starter.prepare(launch_of({*self->options_.common_plan, 0}, {}, self->options_.inherited));
  }
  self->probe_->start([self](Accelerators accelerators) { self->join(std::move(accelerators)); });
  return supervisor;
}

Supervisor::Supervisor(process::EventLoop& loop, Log& log, RankStarter& starter, SupervisorOptions options)
    : loop_(loop), log_(log), options_(std::move(options)), context_{loop,
                                                                     log,
                                                                     starter,
                                                                     {},
                                                                     options_.limits,
                                                                     options_.node_files} {
  AcceleratorProbe::Options probe;
  probe.worker = options_.worker;
  probe.environment = to_entries(options_.inherited);
  probe.nvidia_control = options_.nvidia_control;
  probe_ = std::make_unique<AcceleratorProbe>(loop_, std::move(probe));
}

Supervisor::~Supervisor() {
  loop_.cancel(lease_timer_);
  loop_.cancel(reap_timer_);
}

void Supervisor::join(Accelerators accelerators) {
  Join join{options_.agent, read_node(options_.node_files)};
  if (!options_.node_name.empty()) join.node.hostname = options_.node_name;
  accelerators_ = std::move(accelerators.found);
  join.node.accelerators = accelerators_;
  join.node.accelerators_note = std::move(accelerators.note);
  context_.hostname = join.node.hostname;
  send(join);
}

void Supervisor::shut_down(int exit_code, const std::string& reason) {
  if (shutting_down_) return;
  shutting_down_ = true;
  exit_code_ = exit_code;
  goodbye_ = reason;
  next_plan_.reset();
  if (generation_ == nullptr) return finish();
  generation_->stop(Nanoseconds(0), reason);
}

void Supervisor::abandon(const std::string& reason) {
  log_.error("the agent ends its ranks", {{"reason", reason}});
  exit_code_ = exit_code::kFailure;
  link_->close();
  loop_.stop();
}

void Supervisor::reap_orphans() {
  loop_.cancel(reap_timer_);
  if (context_.starter.may_have_unknown_children()) {
    reap_timer_ = loop_.call_after(kReapInterval, [this] { reap_orphans(); });
    return;
  }
  std::vector<int> keep = other_children();
  if (generation_ != nullptr) {
    const std::vector<int> ranks = generation_->pids();
    keep.insert(keep.end(), ranks.begin(), ranks.end());
  }
  process::reap_children_except(keep);
}

void Supervisor::send(const AgentMessage& message) { link_->send(frames::encode(frames::FromSupervisor(message))); }

void Supervisor::on_frame(std::string_view payload) {
  const Result<frames::ToSupervisor> message = frames::decode<frames::ToSupervisor>(payload);
  if (!message.ok()) return abandon(concat("the link sent an unreadable frame: ", message.status().message()));
  std::visit([this](const auto& alternative) { on_message(alternative); }, *message);
}

void Supervisor::on_message(const CoordinatorMessage& message) {
  std::visit([this](const auto& order) { on_order(order); }, message);
}

void Supervisor::on_message(const frames::StoreReply& reply) {
  const auto call = open_calls_.extract(reply.id);
  if (call.empty() || generation_ == nullptr || generation_->id() != call.mapped().generation) return;
  generation_->reply(call.mapped().local_rank, {call.mapped().id, reply.response});
}

void Supervisor::on_message(const frames::LeaseExtended& lease) {
  loop_.cancel(lease_timer_);
  lease_until_ = TimePoint{Nanoseconds(lease.until_ns)};
  lease_timer_ = loop_.call_at(*lease_until_, [this] { on_lease_lapsed(); });
}

void Supervisor::on_order(const StartGeneration& order) {
  if (shutting_down_) return;
  if (order.plan.generation <= newest_) {
    log_.error("refused to start an old generation", {{"generation", order.plan.generation}, {"newest", newest_}});
    return;
  }
  newest_ = order.plan.generation;
  drop_next_plan();
  if (generation_ == nullptr) return start_generation(order.plan);
  next_plan_ = order.plan;
  generation_->stop(Nanoseconds(0), concat("generation ", newest_, " begins"));
}

void Supervisor::on_order(const AskSteps& order) {
  if (runs(order.generation)) generation_->ask_steps();
}

void Supervisor::on_order(const StopAtStep& order) {
  if (runs(order.generation)) generation_->limit_steps(order.step);
}

void Supervisor::on_order(const SignalRanks& order) {
  if (runs(order.generation)) generation_->signal_ranks(order.signal);
}

void Supervisor::on_order(const StopGeneration& order) {
  if (runs(order.generation)) {
    return generation_->stop(std::chrono::milliseconds(order.grace_ms), order.reason);
  }
  if (shutting_down_) return;
  // Nothing of it runs here, and nothing may from now on: the next generation waits for this word.
  newest_ = std::max(newest_, order.generation);
  if (next_plan_.has_value() && next_plan_->generation <= order.generation) next_plan_.reset();
  send(GenerationStopped{order.generation});
}

void Supervisor::on_order(const Shutdown& order) { shut_down(order.exit_code, order.reason); }

void Supervisor::start_generation(GenerationPlan plan) {
  GenerationPort port;
  port.send = [this](const AgentMessage& message) { send(message); };
  port.has_room_for_log_lines = [this] { return link_->queued_bytes() < kMaxQueuedLogBytes; };
  port.store_call = [this](int local_rank, frames::StoreCall call) { forward_store_call(local_rank, std::move(call)); };
  port.other_children = [this] { return other_children(); };
  port.stopped = [this] { on_generation_stopped(); };
  std::vector<process::RankCores> cores = place_ranks(plan);
  generation_ = std::make_unique<Generation>(context_, std::move(plan), std::move(cores), std::move(port));
  generation_->start(options_.inherited);
  if (lease_until_.has_value() && *lease_until_ <= loop_.clock().now()) on_lease_lapsed();
}

std::vector<process::RankCores> Supervisor::place_ranks(const GenerationPlan& plan) {
  process::CorePlacement placement = process::place_ranks(plan, accelerators_, options_.node_files);
  if (!placement.warning.empty())
    log_.warning("the binding of ranks is not as wanted", {{"reason", placement.warning}});
  return std::move(placement.ranks);
}

void Supervisor::drop_next_plan() {
  if (next_plan_.has_value()) send(GenerationStopped{next_plan_->generation});
  next_plan_.reset();
}

void Supervisor::on_generation_stopped() {
  const GenerationId stopped = generation_->id();
  generation_.reset();
  open_calls_.clear();
  // Goodbye says it all. By itself this would be an end that nobody asked for, and cost a restart.
  if (shutting_down_) return finish();
  send(GenerationStopped{stopped});
  if (next_plan_.has_value()) start_generation(*std::exchange(next_plan_, std::nullopt));
}

void Supervisor::forward_store_call(int local_rank, frames::StoreCall call) {
  const uint64_t id = next_call_id_++;
  open_calls_[id] = {generation_->id(), local_rank, call.id};
  link_->send(
      frames::encode(frames::FromSupervisor(frames::LinkStoreCall{id, generation_->id(), std::move(call.request)})));
}

void Supervisor::on_lease_lapsed() {
  drop_next_plan();
  if (generation_ == nullptr) return;
  log_.error("the lease has lapsed: ending all ranks", {{"generation", generation_->id()}});
  generation_->stop(Nanoseconds(0), "the lease lapsed: the coordinator acknowledged no heartbeat in time");
}

void Supervisor::finish() {
  send(Goodbye{goodbye_});
  link_->flush(kGoodbyeTimeout);
  loop_.stop();
}

std::vector<int> Supervisor::other_children() const {
  std::vector<int> children = context_.starter.children();
  if (probe_->pid() != 0) children.push_back(probe_->pid());
  return children;
}

}  // namespace fabric::agent
