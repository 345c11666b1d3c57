#include "process/log_tail.h"

namespace fabric::process {

void LogTail::add(std::span<const std::string_view> lines) {
  if (lines.size() > kMaxLines) lines = lines.last(kMaxLines);
  for (const std::string_view line : lines) {
    if (lines_.size() == kMaxLines) lines_.pop_front();
    std::string& kept = lines_.emplace_back(line.substr(0, kMaxLineBytes));
    if (line.size() > kMaxLineBytes) kept.replace(kMaxLineBytes - 3, 3, "...");
  }
}

}  // namespace fabric::process
