#pragma once

#include <string>
#include <vector>

namespace fabric::launcher {

/// Returns "rank 3", or "ranks 0-3,5" for several; `ranks` are ascending, each once.
std::string rank_label(const std::vector<int>& ranks);

}  // namespace fabric::launcher
