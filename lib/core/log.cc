#include "core/log.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>

#include "core/log_line.h"

namespace fabric {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"debug", "info", "warning", "error"};

std::string utc_time(int64_t wall_ns) {
  const auto seconds = static_cast<time_t>(wall_ns / 1'000'000'000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  const size_t length = strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> millis{};
  std::snprintf(millis.data(), millis.size(), ".%03dZ", static_cast<int>(wall_ns / 1'000'000 % 1'000));
  return std::string(text.data(), length) + millis.data();
}

void append_value(std::string& line, std::string_view value) {
  const bool plain = !value.empty() && value.find_first_of(" \"=\n\t") == std::string_view::npos;
  if (plain) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '\n') {
      line += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') line += '\\';
    line += c;
  }
  line += '"';
}

}  // namespace

std::string log_line(int64_t wall_ns, LogLevel level, std::string_view who, std::string_view event,
                     std::initializer_list<LogField> fields) {
  std::string line = concat(utc_time(wall_ns), ' ', kLevelNames[static_cast<size_t>(level)], ' ', who, ": ", event);
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    append_value(line, field.value);
  }
  line += '\n';
  return line;
}

void FdLog::write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (level < least_) return;
  const std::string line = log_line(clock_.wall_ns(), level, who_, event, fields);
  // A log that cannot be written has nowhere to complain.
  [[maybe_unused]] const ssize_t written = ::write(fd_, line.data(), line.size());
}

}  // namespace fabric
