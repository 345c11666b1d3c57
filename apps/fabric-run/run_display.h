#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/agent_messages.h"
#include "core/clock.h"
#include "output_stream.h"

namespace fabric::launcher {

/// How a run is shown.
struct DisplayOptions {
  bool json = false;                      ///< one JSON object a line on stdout, for events and for output
  bool color = true;                      ///< on terminals only
  std::optional<std::vector<int>> ranks;  ///< global ranks whose output is shown; nullopt: all
};

/// Shows what ranks print, each line after "[rank 0] ", their stdout on stdout and their stderr on stderr; or events and
/// lines as JSON. Loop's thread only; never waits for the reader.
class RunDisplay {
 public:
  /// The rest is borrowed and must outlive the display.
  RunDisplay(DisplayOptions options, OutputStream& out, OutputStream& err, const Clock& clock)
      : options_(std::move(options)), out_(out), err_(err), clock_(clock) {}

  void show_log(const LogLines& log);
  /// Shows an event, a line of event_json(); nothing unless the display is JSON.
  void show_event(const std::string& json_line);
  /// Shows a line of fabric-run's own on stderr; nothing if the display is JSON.
  void show_notice(const std::string& line);

 private:
  void show_as_text(const LogLines& log);
  void show_as_json(const LogLines& log);

  DisplayOptions options_;
  OutputStream& out_;
  OutputStream& err_;
  const Clock& clock_;
};

}  // namespace fabric::launcher
