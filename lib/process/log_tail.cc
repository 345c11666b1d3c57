#include "process/log_tail.h"

#include "process/lines.h"

namespace fabric::process {
namespace {

/// Returns the end of `text` that holds its last `count` lines.
std::string_view last_lines(std::string_view text, size_t count) {
  size_t begin = text.size();
  for (size_t i = 0; i < count && begin > 0; ++i) {
    const size_t end_before = begin > 1 ? text.rfind('\n', begin - 2) : std::string_view::npos;
    begin = end_before == std::string_view::npos ? 0 : end_before + 1;
  }
  return text.substr(begin);
}

}  // namespace

void LogTail::add(std::string_view text) {
  for_each_line(last_lines(text, kMaxLines), [this](std::string_view line) {
    if (lines_.size() == kMaxLines) lines_.pop_front();
    std::string& kept = lines_.emplace_back(line.substr(0, kMaxLineBytes));
    if (line.size() > kMaxLineBytes) kept.replace(kMaxLineBytes - 3, 3, "...");
  });
}

}  // namespace fabric::process
