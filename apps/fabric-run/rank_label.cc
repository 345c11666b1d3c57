#include "rank_label.h"

#include "core/concat.h"

namespace fabric::launcher {

std::string rank_label(const std::vector<int>& ranks) {
  std::string label = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t first = 0; first < ranks.size();) {
    size_t last = first;
    while (last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1) ++last;
    if (first > 0) label += ',';
    label += concat(ranks[first]);
    if (last > first) label += concat(last == first + 1 ? ',' : '-', ranks[last]);
    first = last + 1;
  }
  return label;
}

}  // namespace fabric::launcher
