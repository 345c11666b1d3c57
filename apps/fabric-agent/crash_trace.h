#pragma once

#include <string>
#include <string_view>

namespace fabric::agent {

/// Returns the stack that a crashing worker left in its crash file, demangled, one frame a line as "function+0x1f in
/// module"; empty if it left nothing. Reads at most 64 KiB from the beginning of `fd`. A line in another form than
/// backtrace_symbols_fd writes is kept as it is.
std::string read_crash_trace(int fd);

/// Returns one line of backtrace_symbols_fd, "module(mangled+0x1f) [0x...]", as read_crash_trace() writes it.
std::string readable_frame(std::string_view line);

}  // namespace fabric::agent
