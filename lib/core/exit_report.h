#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/exit_codes.h"

namespace fabric {

/// How one rank ended. Made by its supervisor from the exit status, what the rank reported before it died (exception),
/// what its signal handler left (backtrace), and the tail of its log.
struct ExitReport {
  int global_rank = 0;
  int local_rank = 0;
  int node_rank = 0;
  std::string hostname;
  int pid = 0;
  int exit_code = 0;  ///< as passed to exit(), 0 .. 255; meaningless when `signal` is not 0
  int signal = 0;     ///< number of the signal that ended it, or 0
  bool core_dumped = false;
  std::string core_file;      ///< where the core is, or what the kernel pipes it to; empty if none was dumped
  std::string out_of_memory;  ///< what shows that the kernel killed it for want of memory; empty if nothing does
  bool killed_by_us =
      false;  ///< ended by its supervisor because another rank failed or the run stopped; never a first cause
  int64_t time_ns =
      0;  ///< CLOCK_BOOTTIME of the node when it failed, as far as it could say, else when its exit was seen; in a
          ///< JobOutcome that of the coordinator's machine
  int64_t last_step = -1;                   ///< last step that the rank reported; -1: none
  std::string exception_type;               ///< demangled; empty if it did not end with an exception
  std::string message;                      ///< the exception's what(), what the loader said, what its exit code hides
  std::string backtrace;                    ///< one frame a line, demangled, innermost first; empty if none
  std::vector<std::string> last_log_lines;  ///< at most 50, without line ends
  std::string log_path;                     ///< file on the rank's node

  bool ok() const { return exit_code == 0 && signal == 0; }
  /// Returns what a shell would show: exit_code, or 128 + signal.
  int shell_code() const { return signal != 0 ? exit_code::kSignalBase + signal : exit_code; }

  template <class V>
  void fields(V& v) {
    v(global_rank, local_rank, node_rank, hostname, pid, exit_code, signal, core_dumped, core_file, out_of_memory,
      killed_by_us, time_ns, last_step, exception_type, message, backtrace, last_log_lines, log_path);
  }
};

/// Returns "SIGSEGV", or "SIG35" for a signal that has no name.
std::string signal_name(int signal);

/// Returns one line for people: "rank 1 on node0 (pid 12) was killed by SIGSEGV (segmentation fault)". Of a message that has
/// several lines it has the first.
std::string describe(const ExitReport& report);

}  // namespace fabric
