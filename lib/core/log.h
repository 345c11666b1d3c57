#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/concat.h"

namespace fabric {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// One `key=value` of a log line; a value with spaces or quotes is written quoted.
struct LogField {
  template <class T>
  LogField(std::string_view field_key, const T& field_value) : key(field_key), value(concat(field_value)) {}
  std::string key;
  std::string value;
};

/// Where a program's own log lines go: one event per line, a short sentence, then key=value fields. Any thread.
class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) = 0;

  void debug(std::string_view event, std::initializer_list<LogField> f = {}) { write(LogLevel::kDebug, event, f); }
  void info(std::string_view event, std::initializer_list<LogField> f = {}) { write(LogLevel::kInfo, event, f); }
  void warning(std::string_view event, std::initializer_list<LogField> f = {}) { write(LogLevel::kWarning, event, f); }
  void error(std::string_view event, std::initializer_list<LogField> f = {}) { write(LogLevel::kError, event, f); }
};

/// Writes each line with one write(2), so that lines of several processes never mix; never blocks on a lock of its own.
class FdLog final : public Log {
 public:
  /// `fd` is borrowed and must outlive the log. `who` stands in each line: "fabric-agent[node0]".
  FdLog(int fd, std::string who, LogLevel least, const Clock& clock)
      : fd_(fd), who_(std::move(who)), least_(least), clock_(clock) {}
  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) override;

 private:
  int fd_;
  std::string who_;
  LogLevel least_;
  const Clock& clock_;
};

/// Drops every line; for tests.
class NullLog final : public Log {
 public:
  void write(LogLevel, std::string_view, std::initializer_list<LogField>) override {}
};

}  // namespace fabric
