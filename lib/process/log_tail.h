#pragma once

#include <cstddef>
#include <deque>
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

  /// Adds the lines of `text`, see for_each_line().
  void add(std::string_view text);
  /// Returns the lines kept, oldest first.
  std::vector<std::string> lines() const { return {lines_.begin(), lines_.end()}; }

 private:
  std::deque<std::string> lines_;
};

}  // namespace fabric::process
