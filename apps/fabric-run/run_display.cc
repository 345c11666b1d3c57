#include "run_display.h"

#include <algorithm>
#include <array>

#include "core/concat.h"
#include "event_journal.h"

namespace fabric::launcher {
namespace {

/// Prefix of a rank's lines, in a color of its own where `color` says so.
std::string prefix_of(int rank, bool color) {
  static constexpr std::array<int, 6> kColors = {36, 33, 32, 35, 34, 31};
  const std::string text = concat("[rank ", rank, ']');
  if (!color) return text + ' ';
  return concat("\033[", kColors[static_cast<size_t>(rank) % kColors.size()], 'm', text, "\033[0m ");
}

}  // namespace

void RunDisplay::show_log(const LogLines& log) {
  if (options_.ranks.has_value() &&
      std::find(options_.ranks->begin(), options_.ranks->end(), log.global_rank) == options_.ranks->end()) {
    return;
  }
  if (options_.json) {
    show_as_json(log);
  } else {
    show_as_text(log);
  }
}

void RunDisplay::show_as_text(const LogLines& log) {
  OutputStream& stream = log.is_stderr ? err_ : out_;
  const std::string prefix = prefix_of(log.global_rank, options_.color && stream.is_terminal());
  std::string text;
  if (log.dropped > 0) text += concat(prefix, "(", log.dropped, " lines are missing here; the log file has them)\n");
  for (const std::string& line : log.lines) {
    text += prefix;
    text += line;
    text += '\n';
  }
  stream.write(std::move(text));
}

void RunDisplay::show_as_json(const LogLines& log) {
  const int64_t now = clock_.wall_ns();
  const std::string generation = concat(log.generation);
  std::string text;
  if (log.dropped > 0) {
    text += event_json(
        now, "log_dropped",
        {{"generation", generation}, {"rank", log.global_rank}, {"lines", static_cast<int64_t>(log.dropped)}});
    text += '\n';
  }
  for (const std::string& line : log.lines) {
    text += event_json(now, "log",
                       {{"generation", generation},
                        {"rank", log.global_rank},
                        {"stream", log.is_stderr ? "stderr" : "stdout"},
                        {"line", line}});
    text += '\n';
  }
  out_.write(std::move(text));
}

void RunDisplay::show_event(const std::string& json_line) {
  if (options_.json) out_.write(json_line + '\n');
}

void RunDisplay::show_notice(const std::string& line) {
  if (!options_.json) err_.write(concat("fabric-run: ", line, '\n'));
}

}  // namespace fabric::launcher
