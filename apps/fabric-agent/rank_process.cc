#include "rank_process.h"

#include <csignal>

#include "core/exit_codes.h"
#include "core_file.h"
#include "frames/codec.h"
#include "process/signals.h"

namespace fabric::agent {

RankProcess::RankProcess(const RankContext& context, const Assignment& assignment, RankObserver& observer)
    : context_(context),
      assignment_(assignment),
      observer_(observer),
      forwarder_(context.loop, {assignment.plan.generation, assignment.global_rank(), false, {}, 0},
                 assignment.plan.local_world_size, context.limits.logs,
                 {.send = [this](LogLines lines) { observer_.on_log_lines(std::move(lines)); },
                  .has_room = [this] { return observer_.has_room_for_log_lines(); }}) {
  report_.global_rank = assignment.global_rank();
  report_.local_rank = assignment.local_rank;
  report_.node_rank = assignment.plan.node_rank;
  report_.hostname = context.hostname;
  report_.log_path = concat(assignment.plan.run_directory, "/logs/gen-", assignment.plan.generation, "/rank-",
                            report_.global_rank, ".log");
}

RankProcess::~RankProcess() {
  context_.loop.cancel(deadline_);
  context_.loop.cancel(step_timer_);
}

void RankProcess::start(const RankLaunch& launch) {
  if (const Status opened = open_log(); !opened.ok()) return on_started(opened);
  working_directory_ = launch.setup.working_directory;
  start_wall_ns_ = context_.loop.clock().wall_ns();
  memory_kills_ = read_memory_kills(context_.node_files);
  context_.starter.start(launch, [this](Result<StartedRank> started) { on_started(std::move(started)); });
}

Status RankProcess::open_log() {
  process::LogFile::Options options;
  options.path = report_.log_path;
  options.rotate_bytes = assignment_.plan.log_rotate_bytes;
  options.failed = [this](const Status& status) {
    context_.log.error("a rank's log has failed", {{"rank", report_.global_rank}, {"reason", status.message()}});
  };
  FABRIC_ASSIGN_OR_RETURN(log_file_, process::LogFile::open(std::move(options)));
  return ok_status();
}

void RankProcess::ask_step() {
  const bool is_there = state_ == RankState::kLoading || state_ == RankState::kReady;
  if (is_there && channel_->is_open()) {
    is_asked_ = true;
    channel_->send(frames::encode(frames::SupervisorMessage(frames::StepQuery{})));
  } else if (state_ != RankState::kDraining && state_ != RankState::kGone) {
    observer_.on_reached({assignment_.plan.generation, report_.global_rank, -1});
  }
}

void RankProcess::limit_steps(int64_t step) {
  if (is_asked_) channel_->send(frames::encode(frames::SupervisorMessage(frames::StepLimit{step})));
}

bool RankProcess::signal_if_caught(int signal_number) {
  if (pid() == 0 || !process::catches_signal(pid(), signal_number)) return false;
  process_->signal(signal_number);
  return true;
}

void RankProcess::terminate() {
  limit_steps(frames::kNoStepLimit);
  if (process_ != nullptr && process_->has_ended()) return;  // by itself; its exit is about to be seen
  if (!end_.terminated.has_value()) end_.terminated = context_.loop.clock().now();
  if (process_ != nullptr) process_->signal_group(SIGTERM);
}

void RankProcess::kill(const std::string& reason) {
  if (process_ != nullptr && process_->has_ended()) return;
  if (!end_.killed.has_value()) end_.killed = context_.loop.clock().now();
  end_.kill_reason = reason;
  if (process_ != nullptr) process_->signal_group(SIGKILL);
}

void RankProcess::reply(const frames::StoreReply& reply) {
  if (channel_ != nullptr) channel_->send(frames::encode(frames::SupervisorMessage(reply)));
}

// Returns whether the event may happen now; a rank whose frames come out of order is ended.
bool RankProcess::advance(RankEvent event) {
  const std::optional<RankState> next = next_state(state_, event);
  if (!next.has_value()) {
    fail(
        "a worker must say hello once, then ready once, but its frames came in another order; "
        "agent and worker may be of different versions");
    return false;
  }
  state_ = *next;
  return true;
}

void RankProcess::on_started(Result<StartedRank> started) {
  Status status = started.ok() ? adopt(std::move(*started)) : started.status();
  if (status.ok()) {
    advance(RankEvent::kSpawned);
    report_progress(RankPhase::kStarted);
    if (end_.killed.has_value())
      kill(end_.kill_reason);
    else if (end_.terminated.has_value())
      terminate();
    return;
  }
  context_.log.error("cannot start a rank", {{"rank", report_.global_rank}, {"reason", status.message()}});
  channel_.reset();
  pumps_ = {};
  process_.reset();
  log_file_.reset();
  report_.exit_code = exit_code::kFailure;
  report_.message = status.message();
  report_.time_ns = context_.loop.clock().now().since_boot.count();
  advance(RankEvent::kSpawnFailed);
  observer_.on_exited(report_);
}

Status RankProcess::adopt(StartedRank started) {
  process_ = std::move(started.process);
  crash_file_ = std::move(started.crash_file);
  report_.pid = process_->pid();
  FABRIC_ASSIGN_OR_RETURN(channel_,
                          FrameChannel::create(context_.loop, std::move(started.socket),
                                               {.frame = [this](std::string_view payload) { on_frame(payload); },
                                                .closed = [this](const Status& status) { on_socket_closed(status); }}));
  if (started.stdout_pipe) FABRIC_RETURN_IF_ERROR(start_pump(kStdout, std::move(started.stdout_pipe)));
  if (started.stderr_pipe) FABRIC_RETURN_IF_ERROR(start_pump(kStderr, std::move(started.stderr_pipe)));
  set_patience(context_.limits.hello, "the worker must say hello, but was silent for too long");
  return process_->watch(context_.loop, [this](process::ChildExit exit) { on_exit(exit); });
}

Status RankProcess::start_pump(Stream stream, UniqueFd pipe) {
  process::OutputSink sink;
  sink.log = log_file_.get();
  sink.text = [this, stream](std::string_view text) { on_text(stream, text); };
  sink.closed = [this, stream] { on_pump_closed(stream); };
  FABRIC_ASSIGN_OR_RETURN(pumps_[stream], process::OutputPump::create(context_.loop, std::move(pipe), std::move(sink)));
  return ok_status();
}

void RankProcess::on_frame(std::string_view payload) {
  Result<frames::WorkerMessage> message = frames::decode<frames::WorkerMessage>(payload);
  if (!message.ok()) return fail(concat("the worker sent what the agent cannot read: ", message.status().message()));
  std::visit([this](auto& alternative) { on_message(alternative); }, *message);
}

void RankProcess::on_message(const frames::WorkerHello& hello) {
  if (hello.protocol_version != frames::kProtocolVersion) {
    return fail(concat("worker and agent must speak one protocol, but the worker's is ", hello.protocol_version,
                       " and the agent's is ", frames::kProtocolVersion, "; install both from one build"));
  }
  if (!advance(RankEvent::kHello)) return;
  end_.said_hello = true;
  context_.loop.cancel(deadline_);
  channel_->send(frames::encode(frames::SupervisorMessage(assignment_)));
}

void RankProcess::on_message(const frames::WorkerReady&) {
  if (!advance(RankEvent::kReady)) return;
  end_.was_ready = true;
  report_progress(RankPhase::kReady);
}

void RankProcess::on_message(const frames::WorkerStep& step) {
  report_.last_step = step.step;
  if (step_timer_ == process::TimerId{}) report_step();
}

void RankProcess::on_message(const frames::WorkerReached& reached) {
  observer_.on_reached({assignment_.plan.generation, report_.global_rank, reached.step});
}

void RankProcess::on_message(frames::WorkerFailure& failure) {
  end_.tell(std::move(failure), context_.loop.clock().now());
}

void RankProcess::on_message(const frames::WorkerReturned& returned) { end_.returned = returned.code; }

void RankProcess::on_message(frames::StoreCall& call) {
  observer_.on_store_call(assignment_.local_rank, std::move(call));
}

void RankProcess::on_socket_closed(const Status& status) {
  if (!status.ok()) return fail(concat("the connection of the worker to its agent broke: ", status.message()));
  set_patience(context_.limits.exit_after_close,
               "a worker must end soon after it has closed its connection to the agent, but it goes on");
}

void RankProcess::on_text(Stream stream, std::string_view text) {
  tail_.add(text);
  forwarder_.add(stream == kStderr, text);
}

void RankProcess::on_exit(process::ChildExit exit) {
  channel_->drain();  // what it said last may not have been read yet
  channel_->close();
  context_.loop.cancel(deadline_);
  context_.loop.cancel(step_timer_);
  advance(RankEvent::kExited);
  const TimePoint now = context_.loop.clock().now();
  end_.exit = exit;
  end_.seen = now;
  for (const auto& pump : pumps_) {
    if (pump != nullptr) pump->finish_by(exit.ok() ? now + context_.limits.drain : now);
  }
  if (pumps_[kStdout] == nullptr && pumps_[kStderr] == nullptr) report_exit();
}

void RankProcess::on_pump_closed(Stream stream) {
  pumps_[stream].reset();
  if (state_ == RankState::kDraining && pumps_[kStdout] == nullptr && pumps_[kStderr] == nullptr) report_exit();
}

void RankProcess::fail(std::string fault) {
  if (!end_.fault.empty() || process_ == nullptr) return;
  context_.log.error("ending a rank", {{"rank", report_.global_rank}, {"reason", fault}});
  end_.fault = std::move(fault);
  process_->signal_group(SIGKILL);
  channel_->close();
}

// A tool may hold its rank still, and may itself go on when the rank has ended.
void RankProcess::set_patience(Nanoseconds delay, std::string fault) {
  if (assignment_.plan.wraps(report_.global_rank)) return;
  context_.loop.cancel(deadline_);
  deadline_ = context_.loop.call_after(delay, [this, fault = std::move(fault)] { fail(fault); });
}

void RankProcess::report_progress(RankPhase phase) {
  RankProgress progress;
  progress.generation = assignment_.plan.generation;
  progress.global_rank = report_.global_rank;
  progress.phase = phase;
  progress.pid = report_.pid;
  progress.step = report_.last_step;
  progress.time_ns = context_.loop.clock().now().since_boot.count();
  observer_.on_progress(progress);
}

// Reports the last step now, and then no other before the interval is over.
void RankProcess::report_step() {
  step_timer_ = {};
  if (report_.last_step == reported_step_) return;
  reported_step_ = report_.last_step;
  report_progress(RankPhase::kStep);
  step_timer_ = context_.loop.call_after(context_.limits.step_interval, [this] { report_step(); });
}

void RankProcess::report_exit() {
  forwarder_.flush();
  report_.log_path = log_file_->path();
  log_file_.reset();
  end_.crash = read_crash_trace(crash_file_.get());
  crash_file_.reset();
  report_.last_log_lines = tail_.lines();
  judge_end(end_, report_);
  find_evidence();
  advance(RankEvent::kDrained);
  observer_.on_exited(report_);
}

// Looks around for what else shows how it ended.
void RankProcess::find_evidence() {
  if (report_.core_dumped) {
    report_.core_file =
        core_file_of({report_.pid, report_.signal, working_directory_, start_wall_ns_}, context_.node_files);
  }
  if (report_.killed_by_us || report_.ok()) return;
  const MemoryKills now = read_memory_kills(context_.node_files);
  report_.out_of_memory = new_memory_kills(memory_kills_, now, context_.node_files, report_.signal == SIGKILL);
}

}  // namespace fabric::agent
