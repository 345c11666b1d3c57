#include "run_status.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "core/concat.h"

namespace fabric::launcher {
namespace {

using Phase = RankStatus::Phase;

constexpr double kRateSeconds = 3;  // over which the rate of steps is averaged
constexpr int kLeastColumns = 20;
constexpr int kLeastRows = 6;
// A rank that has been silent for this long, and for this many of its steps, is told of.
constexpr double kSilentSeconds = 10;
constexpr double kSilentSteps = 5;

double seconds_between(int64_t from_ns, int64_t to_ns) { return static_cast<double>(to_ns - from_ns) * 1e-9; }

void note_step(RankStatus& rank, int64_t step, int64_t time_ns) {
  const double seconds = seconds_between(rank.step_time_ns, time_ns);
  if (rank.step >= 0 && step > rank.step && seconds > 0) {
    const double rate = static_cast<double>(step - rank.step) / seconds;
    const double weight = rank.steps_per_second > 0 ? 1 - std::exp(-seconds / kRateSeconds) : 1;
    rank.steps_per_second += weight * (rate - rank.steps_per_second);
  }
  rank.step = step;
  rank.step_time_ns = time_ns;
}

std::string rate_text(double steps_per_second) {
  std::array<char, 32> text{};
  const int digits = steps_per_second < 10 ? 2 : steps_per_second < 100 ? 1 : 0;
  std::snprintf(text.data(), text.size(), "%.*f steps/s", digits, steps_per_second);
  return text.data();
}

std::string phase_text(const RankStatus& rank) {
  switch (rank.phase) {
    case Phase::kStarting:
      return "starting";
    case Phase::kReady:
      return "ready";
    case Phase::kStepping:
      return concat("step ", rank.step);
    case Phase::kEnded:
      return rank.step >= 0 ? concat("ended after step ", rank.step) : "ended";
  }
  return {};
}

std::string silence_text(const RankStatus& rank, TimePoint now) {
  if (rank.phase == Phase::kEnded) return {};
  const double seconds = std::chrono::duration<double>(now - rank.since).count();
  const double step_seconds = rank.steps_per_second > 0 ? 1 / rank.steps_per_second : 0;
  if (seconds < std::max(kSilentSeconds, kSilentSteps * step_seconds)) return {};
  return concat("for ", static_cast<int64_t>(seconds), " s");
}

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

std::string rank_line(const RunStatus& status, size_t rank, TimePoint now) {
  const RankStatus& one = status.ranks()[rank];
  const size_t label_width = concat("rank ", status.ranks().size() - 1).size();
  std::string line = padded(concat("rank ", rank), label_width) + "  " + padded(phase_text(one), 12);
  if (one.phase == Phase::kStepping && one.steps_per_second > 0) line += "  " + rate_text(one.steps_per_second);
  if (const std::string silence = silence_text(one, now); !silence.empty()) line += "  " + silence;
  if (status.restart_count() > 0) line += concat("  restart ", status.restart_count());
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string line_of_others(const RunStatus& status, size_t first) {
  std::array<int, 4> counts{};
  int64_t least = -1;
  int64_t most = -1;
  for (size_t i = first; i < status.ranks().size(); ++i) {
    const RankStatus& rank = status.ranks()[i];
    ++counts[static_cast<size_t>(rank.phase)];
    if (rank.phase != Phase::kStepping) continue;
    least = least < 0 ? rank.step : std::min(least, rank.step);
    most = std::max(most, rank.step);
  }
  std::string line = concat(status.ranks().size() - first, " more ranks:");
  std::string separator = " ";
  const auto add = [&](Phase phase, const std::string& text) {
    const int count = counts[static_cast<size_t>(phase)];
    if (count == 0) return;
    line += concat(separator, count, ' ', text);
    separator = ", ";
  };
  add(Phase::kStarting, "starting");
  add(Phase::kReady, "ready");
  add(Phase::kStepping, least == most ? concat("at step ", least) : concat("at steps ", least, " to ", most));
  add(Phase::kEnded, "ended");
  return line;
}

}  // namespace

void RunStatus::begin(int num_ranks, int restart_count, TimePoint now) {
  RankStatus starting;
  starting.since = now;
  ranks_.assign(static_cast<size_t>(std::max(num_ranks, 0)), starting);
  restart_count_ = restart_count;
}

void RunStatus::note(const RankProgress& progress, TimePoint now) {
  RankStatus* const rank = find(progress.global_rank);
  if (rank == nullptr || rank->phase == Phase::kEnded) return;
  rank->since = now;
  switch (progress.phase) {
    case RankPhase::kStarted:
      rank->phase = Phase::kStarting;
      return;
    case RankPhase::kReady:
      rank->phase = Phase::kReady;
      return;
    case RankPhase::kStep:
      rank->phase = Phase::kStepping;
      return note_step(*rank, progress.step, progress.time_ns);
  }
}

void RunStatus::note_end(int rank, TimePoint now) {
  if (RankStatus* const ended = find(rank)) {
    ended->phase = Phase::kEnded;
    ended->since = now;
  }
}

RankStatus* RunStatus::find(int rank) {
  if (rank < 0 || static_cast<size_t>(rank) >= ranks_.size()) return nullptr;
  return &ranks_[static_cast<size_t>(rank)];
}

std::vector<std::string> status_lines(const RunStatus& status, TerminalSize size, TimePoint now) {
  const size_t num_ranks = status.ranks().size();
  if (num_ranks == 0 || size.columns < kLeastColumns || size.rows < kLeastRows) return {};
  const size_t room = std::min<size_t>(kMaxRankLines, static_cast<size_t>(size.rows) / 2);
  const size_t shown = num_ranks <= room ? num_ranks : room - 1;
  std::vector<std::string> lines;
  for (size_t rank = 0; rank < shown; ++rank) lines.push_back(rank_line(status, rank, now));
  if (shown < num_ranks) lines.push_back(line_of_others(status, shown));
  for (std::string& line : lines) line.resize(std::min(line.size(), static_cast<size_t>(size.columns) - 1));
  return lines;
}

}  // namespace fabric::launcher
