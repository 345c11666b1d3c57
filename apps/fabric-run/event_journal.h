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

  /// Writes one line of event_json(). A line that cannot be written is dropped; later ones are tried anew, and a part that
  /// was written of one stands in a line of its own.
  Status append(const std::string& line);

 private:
  EventJournal(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  UniqueFd fd_;
  std::string path_;
  bool is_mid_line_ = false;
};

}  // namespace fabric::launcher
