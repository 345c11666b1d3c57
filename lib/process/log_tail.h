#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fabric::process {

/// The last lines of an output, for the report of its end. Several outputs may share one.
class LogTail {
 public:
  static constexpr size_t kMaxLines = 50;
  /// Longer lines are cut, and end in "..." then, so that a tail takes at most 50 KiB.
  static constexpr size_t kMaxLineBytes = 1024;

  /// Adds lines, oldest first, without line ends.
  void add(std::span<const std::string_view> lines);
  /// Returns the lines kept, oldest first.
  std::vector<std::string> lines() const { return {lines_.begin(), lines_.end()}; }

 private:
  std::deque<std::string> lines_;
};

}  // namespace fabric::process
