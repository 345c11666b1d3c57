#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/agent_messages.h"
#include "core/clock.h"

namespace fabric::launcher {

/// Where one rank is.
struct RankStatus {
  enum class Phase : uint8_t { kStarting, kReady, kStepping, kEnded };
  Phase phase = Phase::kStarting;
  int64_t step = -1;
  double steps_per_second = 0;  ///< over the last seconds; 0: not known yet
  int64_t step_time_ns = 0;     ///< when `step` ended, by the node's clock
  TimePoint since;              ///< when the phase began or the last step came, by ours
};

/// Where all ranks of the running generation are, as far as their agents have told.
class RunStatus {
 public:
  /// A generation begins: all of its ranks are starting.
  void begin(int num_ranks, int restart_count, TimePoint now);
  /// Messages of an older generation must have been sorted out.
  void note(const RankProgress& progress, TimePoint now);
  void note_end(int rank, TimePoint now);

  const std::vector<RankStatus>& ranks() const { return ranks_; }
  int restart_count() const { return restart_count_; }

 private:
  RankStatus* find(int rank);

  std::vector<RankStatus> ranks_;
  int restart_count_ = 0;
};

/// Columns and rows of a terminal.
struct TerminalSize {
  int columns = 80;
  int rows = 24;
};

/// Returns the lines that tell of a run below its output: one for each of the first ranks and, where there are more than
/// kMaxRankLines of them or than the terminal has room for, one for all others. Each is shorter than the terminal is wide.
/// None before the first generation, and none on a terminal that is too small.
std::vector<std::string> status_lines(const RunStatus& status, TerminalSize size, TimePoint now);

inline constexpr int kMaxRankLines = 16;

}  // namespace fabric::launcher
