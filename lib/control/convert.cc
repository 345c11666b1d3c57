#include "control/convert.h"

#include <utility>

#include "control/wire_enum.h"

namespace fabric::control {

namespace {

static_assert(static_cast<int>(StoreOp::kSet) + 1 == v1::STORE_OP_SET);
static_assert(static_cast<int>(StoreOp::kQueueLength) + 1 == v1::STORE_OP_QUEUE_LENGTH);
static_assert(static_cast<int>(RankPhase::kStarted) + 1 == v1::RANK_PHASE_STARTED);
static_assert(static_cast<int>(RankPhase::kStep) + 1 == v1::RANK_PHASE_STEP);

// ---- each alternative to the wire --------------------------------------------------------------------------------------

void fill(v1::AgentMessage& wire, const Join& join) {
  wire.mutable_join()->set_agent(join.agent.value);
  *wire.mutable_join()->mutable_node() = to_wire(join.node);
}
void fill(v1::AgentMessage& wire, const Heartbeat& heartbeat) {
  wire.mutable_heartbeat()->set_sequence(heartbeat.sequence);
  wire.mutable_heartbeat()->set_time_ns(heartbeat.time_ns);
}
void fill(v1::AgentMessage& wire, const RankProgress& progress) {
  v1::RankProgress& to = *wire.mutable_rank_progress();
  *to.mutable_generation() = to_wire(progress.generation);
  to.set_global_rank(progress.global_rank);
  to.set_phase(enum_to_wire<v1::RankPhase>(progress.phase));
  to.set_pid(progress.pid);
  to.set_step(progress.step);
  to.set_time_ns(progress.time_ns);
}
void fill(v1::AgentMessage& wire, const RankReached& reached) {
  v1::RankReached& to = *wire.mutable_rank_reached();
  *to.mutable_generation() = to_wire(reached.generation);
  to.set_global_rank(reached.global_rank);
  to.set_step(reached.step);
}
void fill(v1::AgentMessage& wire, const RankExited& exited) {
  *wire.mutable_rank_exited()->mutable_generation() = to_wire(exited.generation);
  *wire.mutable_rank_exited()->mutable_report() = to_wire(exited.report);
}
void fill(v1::AgentMessage& wire, const GenerationStopped& stopped) {
  *wire.mutable_generation_stopped()->mutable_generation() = to_wire(stopped.generation);
}
void fill(v1::AgentMessage& wire, const RanksSignaled& signaled) {
  v1::RanksSignaled& to = *wire.mutable_ranks_signaled();
  *to.mutable_generation() = to_wire(signaled.generation);
  to.set_signal(signaled.signal);
  to.set_num_ranks(signaled.num_ranks);
}
void fill(v1::AgentMessage& wire, const LogLines& lines) {
  v1::LogLines& to = *wire.mutable_log_lines();
  *to.mutable_generation() = to_wire(lines.generation);
  to.set_global_rank(lines.global_rank);
  to.set_is_stderr(lines.is_stderr);
  for (const std::string& line : lines.lines) to.add_lines(line);
  to.set_dropped(lines.dropped);
}
void fill(v1::AgentMessage& wire, const Goodbye& goodbye) { wire.mutable_goodbye()->set_reason(goodbye.reason); }

void fill(v1::CoordinatorMessage& wire, const Welcome& welcome) {
  wire.mutable_welcome()->set_heartbeat_interval_ms(welcome.heartbeat_interval_ms);
  wire.mutable_welcome()->set_lease_ms(welcome.lease_ms);
}
void fill(v1::CoordinatorMessage& wire, const HeartbeatAck& ack) {
  wire.mutable_heartbeat_ack()->set_sequence(ack.sequence);
}
void fill(v1::CoordinatorMessage& wire, const StartGeneration& start) {
  *wire.mutable_start_generation()->mutable_plan() = to_wire(start.plan);
}
void fill(v1::CoordinatorMessage& wire, const AskSteps& ask) {
  *wire.mutable_ask_steps()->mutable_generation() = to_wire(ask.generation);
}
void fill(v1::CoordinatorMessage& wire, const StopAtStep& stop) {
  *wire.mutable_stop_at_step()->mutable_generation() = to_wire(stop.generation);
  wire.mutable_stop_at_step()->set_step(stop.step);
}
void fill(v1::CoordinatorMessage& wire, const SignalRanks& order) {
  *wire.mutable_signal_ranks()->mutable_generation() = to_wire(order.generation);
  wire.mutable_signal_ranks()->set_signal(order.signal);
}
void fill(v1::CoordinatorMessage& wire, const StopGeneration& stop) {
  v1::StopGeneration& to = *wire.mutable_stop_generation();
  *to.mutable_generation() = to_wire(stop.generation);
  to.set_grace_ms(stop.grace_ms);
  to.set_reason(stop.reason);
}
void fill(v1::CoordinatorMessage& wire, const Shutdown& shutdown) {
  wire.mutable_shutdown()->set_exit_code(shutdown.exit_code);
  wire.mutable_shutdown()->set_reason(shutdown.reason);
}

// ---- each alternative from the wire ------------------------------------------------------------------------------------

Result<AgentMessage> read(const v1::Join& wire) {
  Join join{{wire.agent()}, from_wire(wire.node())};
  if (is_valid_name(join.agent.value)) return AgentMessage(std::move(join));
  return invalid_argument(
      "the name of an agent must be 1 to 64 characters of [A-Za-z0-9._-] and must not start with "
      "'.' or '-', but that of a joining agent is not");
}

Result<AgentMessage> read(const v1::RankProgress& wire) {
  RankProgress progress{
      from_wire(wire.generation()), wire.global_rank(), RankPhase::kStarted, wire.pid(), wire.step(), wire.time_ns()};
  FABRIC_ASSIGN_OR_RETURN(progress.phase, enum_from_wire("RankProgress.phase", wire.phase(), RankPhase::kStep));
  return AgentMessage(progress);
}

AgentMessage read(const v1::LogLines& wire) {
  return LogLines{from_wire(wire.generation()),
                  wire.global_rank(),
                  wire.is_stderr(),
                  {wire.lines().begin(), wire.lines().end()},
                  wire.dropped()};
}

}  // namespace

v1::AgentMessage to_wire(const AgentMessage& message) {
  v1::AgentMessage wire;
  std::visit([&](const auto& alternative) { fill(wire, alternative); }, message);
  return wire;
}

v1::CoordinatorMessage to_wire(const CoordinatorMessage& message) {
  v1::CoordinatorMessage wire;
  std::visit([&](const auto& alternative) { fill(wire, alternative); }, message);
  return wire;
}

Result<AgentMessage> from_wire(const v1::AgentMessage& wire) {
  switch (wire.message_case()) {
    case v1::AgentMessage::kJoin:
      return read(wire.join());
    case v1::AgentMessage::kHeartbeat:
      return AgentMessage(Heartbeat{wire.heartbeat().sequence(), wire.heartbeat().time_ns()});
    case v1::AgentMessage::kRankProgress:
      return read(wire.rank_progress());
    case v1::AgentMessage::kRankReached: {
      const v1::RankReached& reached = wire.rank_reached();
      return AgentMessage(RankReached{from_wire(reached.generation()), reached.global_rank(), reached.step()});
    }
    case v1::AgentMessage::kRankExited:
      return AgentMessage(
          RankExited{from_wire(wire.rank_exited().generation()), from_wire(wire.rank_exited().report())});
    case v1::AgentMessage::kGenerationStopped:
      return AgentMessage(GenerationStopped{from_wire(wire.generation_stopped().generation())});
    case v1::AgentMessage::kRanksSignaled: {
      const v1::RanksSignaled& signaled = wire.ranks_signaled();
      return AgentMessage(RanksSignaled{from_wire(signaled.generation()), signaled.signal(), signaled.num_ranks()});
    }
    case v1::AgentMessage::kLogLines:
      return read(wire.log_lines());
    case v1::AgentMessage::kGoodbye:
      return AgentMessage(Goodbye{wire.goodbye().reason()});
    case v1::AgentMessage::MESSAGE_NOT_SET:
      break;
  }
  return invalid_argument(
      "a message of an agent is empty or of a kind that is not known; the agent may be of a newer "
      "version of Fabric");
}

Result<CoordinatorMessage> from_wire(const v1::CoordinatorMessage& wire) {
  switch (wire.message_case()) {
    case v1::CoordinatorMessage::kWelcome:
      return CoordinatorMessage(Welcome{wire.welcome().heartbeat_interval_ms(), wire.welcome().lease_ms()});
    case v1::CoordinatorMessage::kHeartbeatAck:
      return CoordinatorMessage(HeartbeatAck{wire.heartbeat_ack().sequence()});
    case v1::CoordinatorMessage::kStartGeneration: {
      StartGeneration start;
      FABRIC_ASSIGN_OR_RETURN(start.plan, from_wire(wire.start_generation().plan()));
      return CoordinatorMessage(std::move(start));
    }
    case v1::CoordinatorMessage::kAskSteps:
      return CoordinatorMessage(AskSteps{from_wire(wire.ask_steps().generation())});
    case v1::CoordinatorMessage::kStopAtStep:
      return CoordinatorMessage(StopAtStep{from_wire(wire.stop_at_step().generation()), wire.stop_at_step().step()});
    case v1::CoordinatorMessage::kSignalRanks:
      return CoordinatorMessage(SignalRanks{from_wire(wire.signal_ranks().generation()), wire.signal_ranks().signal()});
    case v1::CoordinatorMessage::kStopGeneration: {
      const v1::StopGeneration& stop = wire.stop_generation();
      return CoordinatorMessage(StopGeneration{from_wire(stop.generation()), stop.grace_ms(), stop.reason()});
    }
    case v1::CoordinatorMessage::kShutdown:
      return CoordinatorMessage(Shutdown{wire.shutdown().exit_code(), wire.shutdown().reason()});
    case v1::CoordinatorMessage::MESSAGE_NOT_SET:
      break;
  }
  return invalid_argument(
      "a message of the coordinator is empty or of a kind that is not known; the coordinator may be "
      "of a newer version of Fabric");
}

v1::StoreCall to_wire(const GenerationId& generation, StoreRequest request) {
  v1::StoreCall wire;
  *wire.mutable_generation() = to_wire(generation);
  wire.set_op(enum_to_wire<v1::StoreOp>(request.op));
  for (std::string& key : request.keys) wire.add_keys(std::move(key));
  for (std::string& value : request.values) wire.add_values(std::move(value));
  wire.set_number(request.number);
  wire.set_timeout_ms(request.timeout_ms);
  return wire;
}

Result<StoreRequest> from_wire(const v1::StoreCall& call) {
  StoreRequest request;
  FABRIC_ASSIGN_OR_RETURN(request.op, enum_from_wire("StoreCall.op", call.op(), StoreOp::kQueueLength));
  request.keys.assign(call.keys().begin(), call.keys().end());
  request.values.assign(call.values().begin(), call.values().end());
  request.number = call.number();
  request.timeout_ms = call.timeout_ms();
  return request;
}

v1::StoreReply to_wire(StoreResponse response) {
  v1::StoreReply wire;
  wire.set_code(static_cast<int>(response.code));
  wire.set_message(std::move(response.message));
  for (std::string& value : response.values) wire.add_values(std::move(value));
  wire.set_number(response.number);
  return wire;
}

Result<StoreResponse> from_wire(v1::StoreReply&& reply) {
  constexpr int kLastCode = static_cast<int>(StatusCode::kUnauthenticated);
  if (reply.code() < 0 || reply.code() > kLastCode) {
    return invalid_argument(concat("StoreReply.code must be 0 to ", kLastCode, ", but is ", reply.code()));
  }
  StoreResponse response{static_cast<StatusCode>(reply.code()), std::move(*reply.mutable_message()), {}, 0};
  for (std::string& value : *reply.mutable_values()) response.values.push_back(std::move(value));
  response.number = reply.number();
  return response;
}

}  // namespace fabric::control
