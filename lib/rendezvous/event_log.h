#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/status.h"
#include "rendezvous/events.h"

namespace fabric::rendezvous {

/// What a coordinator was given, and when. A coordinator with the same settings that is given the same ones decides the same.
struct LoggedEvent {
  TimePoint at;
  Event event;
};

/// Returns one line, without its end: the time in nanoseconds, the name of the event and its fields.
std::string to_line(const Event& event, TimePoint at);

/// Reads what to_line() wrote; kDataLoss if it is anything else.
Result<LoggedEvent> logged_event_from(std::string_view line);

/// Reads a log of whole lines; a last one without its end does not count. kDataLoss with the number of the first line that
/// cannot be read.
Result<std::vector<LoggedEvent>> read_event_log(std::string_view text);

}  // namespace fabric::rendezvous
