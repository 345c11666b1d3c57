#include "line_folder.h"

#include <algorithm>
#include <utility>

namespace fabric::launcher {

void LineFolder::add(int rank, bool is_stderr, std::string text, TimePoint now) {
  if (Held* const equal = find_equal(rank, is_stderr, text)) {
    std::vector<int>& ranks = equal->line.ranks;
    ranks.insert(std::upper_bound(ranks.begin(), ranks.end(), rank), rank);
    return;
  }
  const Number number = first_ + held_.size();
  held_bytes_ += text.size() + sizeof(Held);
  const Held& held = held_.emplace_back(Held{{{rank}, is_stderr, std::move(text)}, now});
  numbers_[held.line.text].push_back(number);
  next_of_rank_[rank] = number + 1;
}

// Returns the first line of that text which stands behind all earlier ones of the rank.
LineFolder::Held* LineFolder::find_equal(int rank, bool is_stderr, const std::string& text) {
  const auto same_text = numbers_.find(text);
  if (same_text == numbers_.end()) return nullptr;
  Number& next = next_of_rank_[rank];
  const auto& numbers = same_text->second;
  for (auto number = std::lower_bound(numbers.begin(), numbers.end(), next); number != numbers.end(); ++number) {
    Held& held = held_[static_cast<size_t>(*number - first_)];
    if (held.line.is_stderr != is_stderr) continue;
    next = *number + 1;
    return &held;
  }
  return nullptr;
}

std::vector<FoldedLine> LineFolder::take_due(TimePoint now) {
  std::vector<FoldedLine> due;
  while (!held_.empty()) {
    const Held& first = held_.front();
    const bool is_due = now - first.since >= kWindow || first.line.ranks.size() >= num_ranks_;
    if (!is_due && held_bytes_ <= kMaxHeldBytes) break;
    due.push_back(take_first());
  }
  return due;
}

std::vector<FoldedLine> LineFolder::take_all() {
  std::vector<FoldedLine> all;
  while (!held_.empty()) all.push_back(take_first());
  return all;
}

FoldedLine LineFolder::take_first() {
  const auto same_text = numbers_.find(held_.front().line.text);
  std::vector<Number> numbers = std::move(same_text->second);
  numbers_.erase(same_text);  // its key is the text of the line that goes
  numbers.erase(numbers.begin());
  if (!numbers.empty()) {
    const std::string_view key = held_[static_cast<size_t>(numbers.front() - first_)].line.text;
    numbers_.emplace(key, std::move(numbers));
  }
  FoldedLine line = std::move(held_.front().line);
  held_.pop_front();
  ++first_;
  held_bytes_ -= line.text.size() + sizeof(Held);
  return line;
}

std::optional<TimePoint> LineFolder::next_due() const {
  if (held_.empty()) return std::nullopt;
  return held_.front().since + kWindow;
}

}  // namespace fabric::launcher
