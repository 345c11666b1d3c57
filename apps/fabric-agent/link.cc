#include "link.h"

#include "core/exit_codes.h"
#include "frames/codec.h"

namespace fabric::agent {
namespace {

/// Killing ranks and ending their output takes a second; a supervisor that needs longer hangs.
constexpr Nanoseconds kEndTimeout = std::chrono::seconds(5);
/// Beats remembered while the coordinator is silent; the lease has lapsed long before there are more.
constexpr size_t kMaxOpenBeats = 1024;

}  // namespace

Result<std::unique_ptr<Link>> Link::create(process::EventLoop& loop, Log& log, CoordinatorPort& coordinator,
                                           UniqueFd supervisor_socket) {
  std::unique_ptr<Link> link(new Link(loop, log, coordinator));
  Link* const self = link.get();
  FABRIC_ASSIGN_OR_RETURN(
      self->supervisor_,
      FrameChannel::create(loop, std::move(supervisor_socket),
                           {.frame = [self](std::string_view payload) { self->on_supervisor_frame(payload); },
                            .closed = [](const Status&) {}}));  // its pidfd tells when it ends
  return link;
}

Link::~Link() {
  loop_.cancel(beat_timer_);
  loop_.cancel(end_timer_);
}

void Link::on_coordinator_message(const CoordinatorMessage& message) {
  std::visit([this](const auto& order) { on_order(order); }, message);
}

void Link::on_coordinator_closed(const Status& status) {
  if (!shutting_down_) log_.error("the coordinator is gone", {{"reason", status.to_string()}});
  shut_down(exit_code::kFailure, "the coordinator is gone");
}

void Link::shut_down(int exit_code, const std::string& reason) {
  if (shutting_down_) return;
  shutting_down_ = true;
  to_supervisor(CoordinatorMessage(Shutdown{exit_code, reason}));
  end_timer_ = loop_.call_after(kEndTimeout, [this] {
    log_.error("the supervisor must end its ranks and exit, but it takes too long");
    loop_.stop();
  });
}

void Link::on_supervisor_frame(std::string_view payload) {
  const Result<frames::FromSupervisor> message = frames::decode<frames::FromSupervisor>(payload);
  if (!message.ok()) {
    log_.error("the supervisor sent an unreadable frame", {{"reason", message.status().message()}});
    return shut_down(exit_code::kFailure, "the supervisor sent an unreadable frame");
  }
  std::visit([this](const auto& alternative) { on_supervisor_message(alternative); }, *message);
}

void Link::on_supervisor_message(const AgentMessage& message) {
  if (std::holds_alternative<Join>(message)) joined_ = loop_.clock().now();
  coordinator_.send(message);
}

void Link::on_supervisor_message(const frames::LinkStoreCall& call) {
  coordinator_.call_store(call.generation, call.request, [this, id = call.id](StoreResponse response) {
    loop_.post([this, id, response = std::move(response)] { to_supervisor(frames::StoreReply{id, response}); });
  });
}

void Link::on_order(const Welcome& welcome) {
  terms_ = welcome;
  extend_lease(joined_);
  loop_.cancel(beat_timer_);
  beat();
}

void Link::on_order(const HeartbeatAck& ack) {
  while (!open_beats_.empty() && open_beats_.front().sequence < ack.sequence) open_beats_.pop_front();
  if (open_beats_.empty() || open_beats_.front().sequence != ack.sequence) return;
  extend_lease(open_beats_.front().sent);
  open_beats_.pop_front();
}

void Link::on_order(const Shutdown& order) { shut_down(order.exit_code, order.reason); }

void Link::to_supervisor(const frames::ToSupervisor& message) { supervisor_->send(frames::encode(message)); }

void Link::extend_lease(TimePoint from) {
  if (terms_.lease_ms <= 0) return;
  const TimePoint until = from + std::chrono::milliseconds(terms_.lease_ms);
  to_supervisor(frames::LeaseExtended{until.since_boot.count()});
}

void Link::beat() {
  if (open_beats_.size() == kMaxOpenBeats) open_beats_.pop_front();
  open_beats_.push_back({next_sequence_++, loop_.clock().now()});
  coordinator_.send(Heartbeat{open_beats_.back().sequence, open_beats_.back().sent.since_boot.count()});
  beat_timer_ = loop_.call_after(std::chrono::milliseconds(terms_.heartbeat_interval_ms), [this] { beat(); });
}

}  // namespace fabric::agent
