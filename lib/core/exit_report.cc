#include "core/exit_report.h"

#include <csignal>
#include <cstring>

#include "core/concat.h"

namespace fabric {
namespace {

constexpr size_t kMaxBriefBytes = 300;

/// Returns the first line of a message, or as much of it as a line of a terminal or two can show.
std::string brief(const std::string& message) {
  const std::string line = message.substr(0, message.find('\n'));
  return line.size() <= kMaxBriefBytes ? line : line.substr(0, kMaxBriefBytes) + "...";
}

std::string describe_end(const ExitReport& report) {
  if (report.signal == 0) return concat("ended with exit code ", report.exit_code);
  const std::string name = signal_name(report.signal);
  if (report.signal == SIGKILL && !report.out_of_memory.empty()) {
    return concat("was killed by the kernel for want of memory (", name, ")");
  }
  const char* const description = sigdescr_np(report.signal);
  return concat("was killed by ", name, " (", description != nullptr ? description : "unknown signal", ")",
                report.core_dumped ? ", core dumped" : "");
}

}  // namespace

std::string signal_name(int signal) {
  const char* const abbreviation = sigabbrev_np(signal);
  return concat("SIG", abbreviation != nullptr ? abbreviation : std::to_string(signal).c_str());
}

std::string describe(const ExitReport& report) {
  std::string text =
      concat("rank ", report.global_rank, " on ", report.hostname, " (pid ", report.pid, ") ", describe_end(report));
  if (!report.exception_type.empty()) text += concat(" after an uncaught ", report.exception_type);
  if (!report.message.empty()) text += concat(": ", brief(report.message));
  return text;
}

}  // namespace fabric
