#include "run_display.h"

#include <algorithm>
#include <array>

#include "core/concat.h"
#include "event_journal.h"
#include "rank_label.h"

namespace fabric::launcher {
namespace {

// How long text waits for the next drawing, to be written with it; with what folding holds back, 100 ms.
constexpr Nanoseconds kTextPatience = std::chrono::milliseconds(60);
constexpr size_t kMaxWaitingBytes = size_t{64} << 10;
// Between drawings where nothing happens: they say for how long.
constexpr Nanoseconds kIdleInterval = std::chrono::seconds(1);

template <class T>
T field_or(const rendezvous::Fields& fields, std::string_view name, T otherwise) {
  for (const auto& [key, value] : fields) {
    if (key != name) continue;
    if (const T* const found = std::get_if<T>(&value)) return *found;
  }
  return otherwise;
}

std::string missing_text(uint64_t lines) {
  return concat("(", lines, " lines are missing here; the log file has them)");
}

/// Returns where lines about ranks may be drawn, nullptr if nowhere. Not beside a pipe: its reader often writes to the same
/// terminal, as tee does, and would write over them.
OutputStream* live_terminal(const DisplayOptions& options, OutputStream& out, OutputStream& err) {
  if (options.json || !options.live) return nullptr;
  if (err.is_terminal() && !out.is_pipe()) return &err;
  return out.is_terminal() && !err.is_pipe() ? &out : nullptr;
}

}  // namespace

RunDisplay::RunDisplay(DisplayOptions options, process::EventLoop& loop, OutputStream& out, OutputStream& err)
    : options_(std::move(options)), loop_(loop), out_(out), err_(err), next_draw_(loop.clock().now()) {
  if (OutputStream* const terminal = live_terminal(options_, out, err)) live_.emplace(*terminal);
  shares_terminal_ = live_.has_value() && out.is_same_terminal(err);
}

RunDisplay::~RunDisplay() { finish(); }

void RunDisplay::finish() {
  show_held();
  folds_ = false;
  loop_.cancel(refresh_timer_);
  if (!live_.has_value()) return;
  live_->wipe();
  live_.reset();
  for (auto& [stream, text] : std::exchange(waiting_, {})) stream->write(std::move(text));
}

// ---- what comes ---------------------------------------------------------------------------------------------------------

void RunDisplay::show_log(const LogLines& log) {
  if (!is_shown(log.global_rank)) return;
  if (options_.json)
    show_as_json(log);
  else if (folds_)
    hold(log);
  else
    show_as_text(log);
}

void RunDisplay::show_progress(const RankProgress& progress) {
  if (!live_.has_value() || concat(progress.generation) != generation_) return;
  status_.note(progress, loop_.clock().now());
  schedule_refresh();
}

void RunDisplay::show_event(const std::string& event, const rendezvous::Fields& fields, const std::string& json_line) {
  if (options_.json) return out_.write(json_line + '\n');
  if (event == "generation_started") {
    begin_generation(fields);
  } else if (event == "rank_exited") {
    show_held();
    if (field_or(fields, "generation", std::string()) != generation_) return;
    status_.note_end(static_cast<int>(field_or<int64_t>(fields, "rank", -1)), loop_.clock().now());
    if (live_.has_value()) schedule_refresh();
  }
}

void RunDisplay::begin_generation(const rendezvous::Fields& fields) {
  show_held();
  generation_ = field_or(fields, "generation", std::string());
  const auto num_ranks = static_cast<int>(field_or<int64_t>(fields, "world_size", 0));
  int num_shown = 0;
  for (int rank = 0; rank < num_ranks; ++rank) num_shown += is_shown(rank) ? 1 : 0;
  folds_ = options_.fold && num_shown > 1;
  folder_.expect(num_shown);
  status_.begin(num_ranks, static_cast<int>(field_or<int64_t>(fields, "restart_count", 0)), loop_.clock().now());
  if (live_.has_value()) schedule_refresh();
}

void RunDisplay::show_notice(const std::string& line) {
  if (options_.json) return;
  show_held();
  put(stream_of(true), concat("fabric-run: ", line, '\n'));
}

void RunDisplay::show_log_text(std::string_view text) {
  show_held();
  put(stream_of(true), concat(text, text.ends_with('\n') ? "" : "\n"));
}

// ---- lines of ranks -----------------------------------------------------------------------------------------------------

bool RunDisplay::is_shown(int rank) const {
  return !options_.ranks.has_value() ||
         std::find(options_.ranks->begin(), options_.ranks->end(), rank) != options_.ranks->end();
}

OutputStream& RunDisplay::stream_of(bool is_stderr) { return is_stderr || shares_terminal_ ? err_ : out_; }

/// Returns what stands before a line of these ranks, in a color of its own for each single rank.
std::string RunDisplay::prefix_of(const std::vector<int>& ranks, const OutputStream& stream) const {
  static constexpr std::array<int, 6> kColors = {36, 33, 32, 35, 34, 31};
  static constexpr int kBold = 1;
  const std::string text = concat('[', rank_label(ranks), ']');
  if (!options_.color || !stream.is_terminal()) return text + ' ';
  const int color = ranks.size() == 1 ? kColors[static_cast<size_t>(ranks.front()) % kColors.size()] : kBold;
  return concat("\033[", color, 'm', text, "\033[0m ");
}

void RunDisplay::show_as_text(const LogLines& log) {
  OutputStream& stream = stream_of(log.is_stderr);
  const std::string prefix = prefix_of({log.global_rank}, stream);
  std::string text;
  if (log.dropped > 0) text += concat(prefix, missing_text(log.dropped), '\n');
  for (const std::string& line : log.lines) {
    text += prefix;
    text += line;
    text += '\n';
  }
  put(stream, std::move(text));
}

void RunDisplay::show_as_json(const LogLines& log) {
  const int64_t now = loop_.clock().wall_ns();
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

void RunDisplay::hold(const LogLines& log) {
  const TimePoint now = loop_.clock().now();
  if (log.dropped > 0) folder_.add(log.global_rank, log.is_stderr, missing_text(log.dropped), now);
  for (const std::string& line : log.lines) folder_.add(log.global_rank, log.is_stderr, line, now);
  show_due();
}

void RunDisplay::show_due() {
  show_lines(folder_.take_due(loop_.clock().now()));
  loop_.cancel(fold_timer_);
  if (const std::optional<TimePoint> due = folder_.next_due())
    fold_timer_ = loop_.call_at(*due, [this] { show_due(); });
}

void RunDisplay::show_held() {
  loop_.cancel(fold_timer_);
  show_lines(folder_.take_all());
}

void RunDisplay::show_lines(const std::vector<FoldedLine>& lines) {
  for (size_t i = 0; i < lines.size();) {
    OutputStream& stream = stream_of(lines[i].is_stderr);
    std::string text;
    std::string prefix;
    for (size_t first = i; i < lines.size() && &stream_of(lines[i].is_stderr) == &stream; ++i) {
      if (i == first || lines[i].ranks != lines[i - 1].ranks) prefix = prefix_of(lines[i].ranks, stream);
      text += prefix;
      text += lines[i].text;
      text += '\n';
    }
    put(stream, std::move(text));
  }
}

// ---- writing, with lines about ranks below ------------------------------------------------------------------------------

void RunDisplay::put(OutputStream& stream, std::string text) {
  if (!live_.has_value()) return stream.write(std::move(text));
  if (waiting_.empty()) waiting_since_ = loop_.clock().now();
  waiting_bytes_ += text.size();
  if (waiting_.empty() || waiting_.back().first != &stream)
    waiting_.emplace_back(&stream, std::move(text));
  else
    waiting_.back().second += text;
  schedule_refresh();
}

void RunDisplay::schedule_refresh() {
  const TimePoint at = waiting_.empty() ? next_draw_ : std::min(next_draw_, waiting_since_ + kTextPatience);
  if (at <= loop_.clock().now() || waiting_bytes_ > kMaxWaitingBytes) return refresh();
  loop_.cancel(refresh_timer_);
  refresh_timer_ = loop_.call_at(at, [this] { refresh(); });
}

// A terminal that is behind gets no drawings on top.
void RunDisplay::refresh() {
  const TimePoint now = loop_.clock().now();
  loop_.cancel(refresh_timer_);
  if (!waiting_.empty() || now >= next_draw_) live_->wipe();
  for (auto& [stream, text] : std::exchange(waiting_, {})) stream->write(std::move(text));
  waiting_bytes_ = 0;
  if (now >= next_draw_) {
    next_draw_ = now + kDrawInterval;
    if (!out_.has_backlog() && !err_.has_backlog()) {
      live_->draw(status_lines(status_, live_->size(), now));
      refresh_timer_ = loop_.call_at(now + kIdleInterval, [this] { refresh(); });
      return;
    }
  }
  refresh_timer_ = loop_.call_at(next_draw_, [this] { refresh(); });
}

}  // namespace fabric::launcher
