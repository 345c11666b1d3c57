#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fabric::agent {

/// What a worker left in its crash file about its end.
struct CrashTrace {
  int64_t time_ns = 0;  ///< CLOCK_BOOTTIME at which it began to end; 0: it left nothing, or nothing with a time
  int signal = 0;       ///< the one whose handler wrote; 0: none did
  std::optional<int>
      exit_code;              ///< what the program passed to exit(), _exit() or _Exit(), whatever of it a status keeps
  std::string exit_function;  ///< which of those it called
  /// What happened and the stack, demangled, one frame a line as "function+0x1f in module". A line in another form than
  /// backtrace_symbols_fd writes is kept as it is.
  std::string backtrace;
};

/// Returns what is in the crash file; reads at most 64 KiB from the beginning of `fd`.
CrashTrace read_crash_trace(int fd);

/// Returns one line of backtrace_symbols_fd, "module(mangled+0x1f) [0x...]", as read_crash_trace() writes it.
std::string readable_frame(std::string_view line);

}  // namespace fabric::agent
