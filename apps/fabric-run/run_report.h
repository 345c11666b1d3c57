#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "backtrace_view.h"
#include "rendezvous/events.h"

namespace fabric::launcher {

/// All that is known when a run has ended.
struct RunReport {
  std::string run_id;
  std::string name;  ///< of the job
  std::string run_directory;
  int64_t start_ns = 0;  ///< wall clock
  int64_t end_ns = 0;
  int64_t start_boot_ns = 0;  ///< CLOCK_BOOTTIME at start_ns
  ProgramNames program;
  /// Seconds from the start to the first event of a kind: {"agent_joined", 0.012}.
  std::vector<std::pair<std::string, double>> timings;
  bool stop_was_requested = false;
  std::string agent_failure;  ///< how an agent died, with its log; empty if none did
  rendezvous::JobOutcome outcome;
};

/// Returns the word for how the run ended: "completed", "requeue", "stopped", "rendezvous_timeout" or "failed".
std::string outcome_name(const RunReport& report);

/// Returns report.json: one indented JSON object.
std::string report_json(const RunReport& report);

/// Returns what people read at the end of a run that did not end well: the first cause, its message, backtrace, last lines, core
/// and log file, and in one line each what ended earlier generations; nothing for a run that did.
std::vector<std::string> failure_summary(const RunReport& report);

}  // namespace fabric::launcher
