#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/clock.h"

namespace fabric::launcher {

/// A line that one or several ranks printed.
struct FoldedLine {
  std::vector<int> ranks;  ///< ascending
  bool is_stderr = false;
  std::string text;
};

/// Finds lines that several ranks print at about the same time, so that they are shown once. It holds each line back for
/// kWindow, less if all ranks have printed it or much is waiting. The lines of a rank keep their order.
class LineFolder {
 public:
  static constexpr Nanoseconds kWindow = std::chrono::milliseconds(40);
  /// What is held back at most; the oldest lines go early then.
  static constexpr size_t kMaxHeldBytes = size_t{256} << 10;

  /// Begins anew with so many ranks; nothing may be held.
  void expect(int num_ranks) { num_ranks_ = static_cast<size_t>(num_ranks); }
  /// Takes a line without its line end. Times must not decrease.
  void add(int rank, bool is_stderr, std::string text, TimePoint now);
  /// Hands out the lines that need not wait any longer, oldest first.
  std::vector<FoldedLine> take_due(TimePoint now);
  /// Hands out all lines, oldest first.
  std::vector<FoldedLine> take_all();
  /// Returns when take_due() has something next, nullopt if nothing is held.
  std::optional<TimePoint> next_due() const;

 private:
  struct Held {
    FoldedLine line;
    TimePoint since;
  };
  using Number = uint64_t;  // of a line, counted from the first ever

  Held* find_equal(int rank, bool is_stderr, const std::string& text);
  FoldedLine take_first();

  size_t num_ranks_ = 0;
  std::deque<Held> held_;
  Number first_ = 0;  // number of held_.front()
  size_t held_bytes_ = 0;
  std::unordered_map<std::string_view, std::vector<Number>> numbers_;  // of the held lines of one text, ascending
  std::map<int, Number> next_of_rank_;  // the least number that the rank's next line may have
};

}  // namespace fabric::launcher
