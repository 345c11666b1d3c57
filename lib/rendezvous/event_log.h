#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/status.h"
#include "rendezvous/events.h"
#include "rendezvous/journal.h"
#include "rendezvous/settings.h"

namespace fabric::rendezvous {

/// What a coordinator was given, and when.
struct LoggedEvent {
  TimePoint at;
  Event event;
};

/// What a coordinator was made from.
struct LoggedBegin {
  Settings settings;  ///< but for its `base`
  Journal journal;    ///< empty unless it returned after a crash
  template <class V>
  void fields(V& v) {
    v(settings, journal);
  }
};

/// A coordinator's whole life: one that is made from the same beginning and is given the same events decides the same.
struct EventLog {
  LoggedBegin begin;
  std::vector<LoggedEvent> events;
};

/// Returns one line, without its end: the time in nanoseconds, the name of the event and its fields.
std::string to_line(const Event& event, TimePoint at);

/// Reads what to_line() wrote; kDataLoss if it is anything else.
Result<LoggedEvent> logged_event_from(std::string_view line);

/// Returns one line, without its end: the first one of a log.
std::string to_line(const LoggedBegin& begin);

/// Reads what to_line() wrote; kDataLoss if it is anything else.
Result<LoggedBegin> logged_begin_from(std::string_view line);

/// Reads the log of one coordinator, which is whole lines; a last one without its end does not count. kDataLoss with the number
/// of the first line that cannot be read.
Result<EventLog> read_event_log(std::string_view text);

}  // namespace fabric::rendezvous
