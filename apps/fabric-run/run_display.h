#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/agent_messages.h"
#include "core/clock.h"
#include "line_folder.h"
#include "live_area.h"
#include "output_stream.h"
#include "process/event_loop.h"
#include "rendezvous/events.h"
#include "run_status.h"

namespace fabric::launcher {

/// How a run is shown.
struct DisplayOptions {
  bool json =
      false;  ///< one JSON object a line on stdout, for events and for output; nothing else of what follows then
  bool color = true;                      ///< on terminals only
  bool fold = true;                       ///< a line that several ranks print at about the same time is shown once
  bool live = true;                       ///< on terminals only: lines at the end that tell where the ranks are
  std::optional<std::vector<int>> ranks;  ///< global ranks whose output is shown; nullopt: all
};

/// Shows what ranks print, each line after "[rank 0] ", their stdout on stdout and their stderr on stderr; or events and
/// lines as JSON. Loop's thread only; never waits for the reader. docs/output.md says what users see.
class RunDisplay {
 public:
  /// The rest is borrowed and must outlive the display.
  RunDisplay(DisplayOptions options, process::EventLoop& loop, OutputStream& out, OutputStream& err);
  RunDisplay(const RunDisplay&) = delete;
  RunDisplay& operator=(const RunDisplay&) = delete;
  /// As finish().
  ~RunDisplay();

  void show_log(const LogLines& log);
  void show_progress(const RankProgress& progress);
  /// Shows an event as `json_line`, which event_json() made, if the display is JSON; else takes from it what it says of ranks.
  void show_event(const std::string& event, const rendezvous::Fields& fields, const std::string& json_line);
  /// Shows a line of fabric-run's own on stderr; nothing if the display is JSON.
  void show_notice(const std::string& line);
  /// Shows whole lines of a log, that of an agent or of fabric-run itself, on stderr.
  void show_log_text(std::string_view text);
  /// Shows all that is held back, and no lines about ranks any more.
  void finish();
  /// Returns whether it draws lines about ranks on the terminal, which nobody else may write to then.
  bool is_live() const { return live_.has_value(); }

  /// Least time between two drawings of the lines about ranks.
  static constexpr Nanoseconds kDrawInterval = std::chrono::milliseconds(100);

 private:
  bool is_shown(int rank) const;
  OutputStream& stream_of(bool is_stderr);
  std::string prefix_of(const std::vector<int>& ranks, const OutputStream& stream) const;
  void show_as_text(const LogLines& log);
  void show_as_json(const LogLines& log);
  void hold(const LogLines& log);
  void show_due();
  void show_held();
  void show_lines(const std::vector<FoldedLine>& lines);
  void begin_generation(const rendezvous::Fields& fields);
  void put(OutputStream& stream, std::string text);
  void schedule_refresh();
  void refresh();

  DisplayOptions options_;
  process::EventLoop& loop_;
  OutputStream& out_;
  OutputStream& err_;
  std::string generation_;
  bool folds_ = false;
  LineFolder folder_;
  process::TimerId fold_timer_;

  std::optional<LiveArea> live_;
  bool shares_terminal_ = false;  // all goes to stderr then, in one order
  RunStatus status_;
  std::vector<std::pair<OutputStream*, std::string>> waiting_;  // for the next refresh()
  size_t waiting_bytes_ = 0;
  TimePoint waiting_since_;
  TimePoint next_draw_;  // earliest time
  process::TimerId refresh_timer_;
};

}  // namespace fabric::launcher
