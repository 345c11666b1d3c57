#pragma once

#include <string>

#include "core/clock.h"
#include "core/status.h"
#include "core/unique_fd.h"
#include "rendezvous/events.h"

namespace fabric::launcher {

/// Returns one event as JSON on one line, without line end: {"time_ns": wall clock, "event": name, fields...}. Text that is
/// not UTF-8 gets replacement characters.
std::string event_json(int64_t time_ns, const std::string& event, const rendezvous::Fields& fields);

/// Appends events to a file, one JSON object a line. The names stand in docs/exit-codes.md.
class EventJournal {
 public:
  /// Opens the file, which is made if missing.
  static Result<EventJournal> open(const std::string& path);

  /// Writes one line of event_json(), with one write. A line that cannot be written is dropped.
  void append(const std::string& line);

 private:
  explicit EventJournal(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace fabric::launcher
