#include "crash_trace.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "core/demangle.h"

namespace fabric::agent {
namespace {

constexpr size_t kMaxBytes = 64 * 1024;

/// Reads the number behind `prefix`; nullopt if `line` does not begin with that. `line` keeps what follows the number.
template <class Number>
std::optional<Number> number_after(std::string_view prefix, std::string_view& line) {
  if (!line.starts_with(prefix)) return std::nullopt;
  Number number = 0;
  const char* const end = line.data() + line.size();
  const auto [rest, error] = std::from_chars(line.data() + prefix.size(), end, number);
  if (error != std::errc()) return std::nullopt;
  line = {rest, static_cast<size_t>(end - rest)};
  return number;
}

// A record is a line with the time, one that says what happened, and frames. Destructors that exit() runs may crash, so that
// there are two of them: the first time counts.
void add_line(CrashTrace& trace, std::string_view line) {
  std::string_view rest = line;
  if (const auto time = number_after<int64_t>("time ", rest); time.has_value()) {
    if (trace.time_ns == 0) trace.time_ns = *time;
    return;
  }
  constexpr std::string_view kBy = " by ";
  if (const auto code = number_after<int>("exit ", rest); code.has_value() && rest.starts_with(kBy)) {
    trace.exit_code = *code;
    trace.exit_function = rest.substr(kBy.size());
    return;
  }
  trace.signal = number_after<int>("signal ", rest).value_or(trace.signal);
  if (!trace.backtrace.empty()) trace.backtrace += '\n';
  trace.backtrace += readable_frame(line);
}

}  // namespace

std::string readable_frame(std::string_view line) {
  const size_t open = line.find('(');
  const size_t close = line.find(')', open == std::string_view::npos ? 0 : open);
  if (open == std::string_view::npos || close == std::string_view::npos) return std::string(line);
  const std::string_view place = line.substr(open + 1, close - open - 1);  // "mangled+0x1f", "+0x1f" or nothing
  const size_t plus = place.rfind('+');
  if (plus == std::string_view::npos) return std::string(line);
  const std::string function = plus == 0 ? "" : demangled(std::string(place.substr(0, plus)).c_str());
  return function + std::string(place.substr(plus)) + " in " + std::string(line.substr(0, open));
}

CrashTrace read_crash_trace(int fd) {
  std::string raw(kMaxBytes, '\0');
  const ssize_t got = ::pread(fd, raw.data(), raw.size(), 0);
  raw.resize(got > 0 ? static_cast<size_t>(got) : 0);
  CrashTrace trace;
  for (size_t begin = 0; begin < raw.size();) {
    const size_t end = std::min(raw.find('\n', begin), raw.size());
    add_line(trace, std::string_view(raw).substr(begin, end - begin));
    begin = end + 1;
  }
  return trace;
}

}  // namespace fabric::agent
