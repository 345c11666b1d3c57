#include "core/exit_report.h"

#include <csignal>
#include <cstring>

#include "core/concat.h"

namespace fabric {

std::string describe(const ExitReport& report) {
  std::string who = concat("rank ", report.global_rank, " on ", report.hostname, " (pid ", report.pid, ") ");
  if (report.signal != 0) {
    const char* abbreviation = sigabbrev_np(report.signal);
    who += concat("was killed by SIG", abbreviation != nullptr ? abbreviation : std::to_string(report.signal).c_str(),
                  " (", sigdescr_np(report.signal) != nullptr ? sigdescr_np(report.signal) : "unknown signal", ")");
    if (report.core_dumped) who += ", core dumped";
    return who;
  }
  who += concat("ended with exit code ", report.exit_code);
  if (!report.exception_type.empty())
    who += concat(" after an uncaught ", report.exception_type, ": ", report.message);
  else if (!report.message.empty())
    who += concat(": ", report.message);
  return who;
}

}  // namespace fabric
