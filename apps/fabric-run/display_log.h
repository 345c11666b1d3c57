#pragma once

#include <string>

#include "core/log_line.h"
#include "process/event_loop.h"
#include "run_display.h"

namespace fabric::launcher {

/// Shows fabric-run's own log lines through the display: written past it, they would tear what it draws on the terminal.
/// Lines that come when the loop has ended are lost.
class DisplayLog final : public Log {
 public:
  /// All borrowed; the display must live as long as the loop runs.
  DisplayLog(process::EventLoop& loop, RunDisplay& display, std::string who, LogLevel least)
      : loop_(loop), display_(display), who_(std::move(who)), least_(least) {}
  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) override {
    if (level < least_) return;
    loop_.post(
        [this, line = log_line(loop_.clock().wall_ns(), level, who_, event, fields)] { display_.show_log_text(line); });
  }

 private:
  process::EventLoop& loop_;
  RunDisplay& display_;
  std::string who_;
  LogLevel least_;
};

}  // namespace fabric::launcher
