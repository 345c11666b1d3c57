#pragma once

#include <optional>
#include <string>

#include "core/clock.h"
#include "core/exit_report.h"
#include "crash_trace.h"
#include "frames/messages.h"
#include "process/child.h"

namespace fabric::agent {

/// All that a supervisor has learned about the end of a rank: what the kernel says, what the rank said, and what was done to it.
struct RankEnd {
  process::ChildExit exit;
  TimePoint seen;                       ///< when its exit was seen
  bool said_hello = false;              ///< from then on its crash handler is there
  bool was_ready = false;               ///< train() was about to be called, or had been
  std::optional<int> returned;          ///< what train() returned
  frames::WorkerFailure told;           ///< time_ns 0: it told nothing
  CrashTrace crash;                     ///< what it left
  std::string fault;                    ///< what its supervisor ended it for, other than the end of its generation
  std::optional<TimePoint> terminated;  ///< when it got SIGTERM because its generation stops
  std::optional<TimePoint> killed;      ///< when it got SIGKILL because its generation stops
  std::string kill_reason;

  /// Takes what the rank tells at `now` of why it fails. It may tell again when it knows more: the first time and type stay.
  void tell(frames::WorkerFailure failure, TimePoint now);
};

/// Fills in how the rank ended, when, and whether that was its own doing. One that failed before its supervisor ended it is
/// a failure of its own even if it had no time left to end as it would have.
void judge_end(const RankEnd& end, ExitReport& report);

}  // namespace fabric::agent
