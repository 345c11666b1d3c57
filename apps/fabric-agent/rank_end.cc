#include "rank_end.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "core/exit_codes.h"

namespace fabric::agent {
namespace {

/// What the kernel keeps of an exit code.
constexpr int kept(int code) { return code & 0xff; }

bool says_well(int code) { return code == exit_code::kSuccess || code == exit_code::kRequeue; }

bool has_told(const RankEnd& end) { return end.told.time_ns != 0; }

/// When the rank failed by what it said itself.
std::optional<TimePoint> own_failure(const RankEnd& end) {
  std::optional<TimePoint> time;
  if (has_told(end)) time = TimePoint{Nanoseconds(end.told.time_ns)};
  const TimePoint left{Nanoseconds(end.crash.time_ns)};
  if (end.crash.time_ns != 0 && (!time || left < *time)) time = left;
  return time;
}

bool was_ended_by_us(const RankEnd& end) {
  if (!end.fault.empty() || (!end.terminated && !end.killed)) return false;
  const TimePoint ours = std::min(end.terminated.value_or(end.seen), end.killed.value_or(end.seen));
  const std::optional<TimePoint> own = own_failure(end);
  if (own && *own < ours) return false;
  if (end.killed && end.exit.signal == SIGKILL) return true;
  if (!end.terminated) return false;
  if (end.exit.signal != 0) return end.exit.signal == SIGTERM;
  return !(end.returned == end.exit.exit_code && says_well(end.exit.exit_code));
}

/// Lets the report say how the rank would have ended without our SIGKILL.
void undo_kill(const RankEnd& end, ExitReport& report) {
  report.signal = end.crash.signal;
  report.exit_code = exit_code::kFailure;
  if (report.signal == 0 && end.crash.exit_code.has_value()) report.exit_code = kept(*end.crash.exit_code);
}

std::string without_return(const RankEnd& end) {
  return end.was_ready ? "train() had not returned" : "train() had not been called";
}

/// Says what an exit status alone does not.
void judge_exit_code(const RankEnd& end, ExitReport& report) {
  if (end.returned == report.exit_code) return;
  std::string said;
  if (end.returned.has_value())
    said = concat("train() returned ", *end.returned);
  else if (end.crash.exit_code.has_value())
    said = concat(without_return(end), " when ", end.crash.exit_function, '(', *end.crash.exit_code, ") was called");
  else
    said = concat(without_return(end), " when the process left");
  const int meant = end.returned.value_or(end.crash.exit_code.value_or(report.exit_code));
  if (meant != report.exit_code) {
    const bool is_cut = kept(meant) == report.exit_code;
    said += concat(is_cut ? ", of which an exit status keeps " : ", but the exit code is ", report.exit_code);
  }
  if (report.message.empty()) report.message = std::move(said);
  if (says_well(report.exit_code)) report.exit_code = exit_code::kFailure;
}

}  // namespace

void RankEnd::tell(frames::WorkerFailure failure, TimePoint now) {
  if (failure.time_ns == 0) failure.time_ns = now.since_boot.count();
  if (has_told(*this))
    told.backtrace = std::move(failure.backtrace);
  else
    told = std::move(failure);
}

void judge_end(const RankEnd& end, ExitReport& report) {
  report.exit_code = end.exit.exit_code;
  report.signal = end.exit.signal;
  report.core_dumped = end.exit.core_dumped;
  report.time_ns = std::min(own_failure(end).value_or(end.seen), end.seen).since_boot.count();
  report.exception_type = end.told.exception_type;
  report.message = end.told.message;
  report.backtrace = end.told.backtrace.empty() ? end.crash.backtrace : end.told.backtrace;
  report.killed_by_us = was_ended_by_us(end);
  if (!end.fault.empty()) {
    report.message = end.fault;
    return;
  }
  if (report.killed_by_us) {
    if (report.message.empty()) report.message = end.kill_reason;
    return;
  }
  if (end.killed && report.signal == SIGKILL) undo_kill(end, report);
  if (report.signal == 0) return judge_exit_code(end, report);
  const bool lacks_trace = (report.signal == SIGSEGV || report.signal == SIGBUS) && end.crash.time_ns == 0;
  if (lacks_trace && end.said_hello && report.message.empty()) {
    report.message =
        "there is no backtrace, because its handler could not run, as when a thread other than main's uses up its stack";
  }
}

}  // namespace fabric::agent
