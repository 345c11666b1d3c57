#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace fabric::process {

/// Longer lines are handed on in pieces of this size.
inline constexpr size_t kMaxLineBytes = size_t{64} * 1024;

/// Calls `take` with each line of `text`, without its line end; a line of more than kMaxLineBytes comes in pieces, and the
/// last one may have no end.
template <class Take>
void for_each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const size_t length = std::min(end, kMaxLineBytes);
    take(text.substr(0, length));
    text.remove_prefix(std::min(length == end ? end + 1 : length, text.size()));
  }
}

}  // namespace fabric::process
