#include "core/thread_count.h"

#include <algorithm>
#include <charconv>

namespace fabric {

std::optional<int> read_thread_count(std::string_view text) {
  constexpr int kMost = 4'096;
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  int count = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view rest = text.substr(static_cast<size_t>(stop - text.data()));
  const bool is_whole = rest.empty() || rest.front() == ',' || rest.front() == ' ';
  if (error != std::errc() || !is_whole || count < 1 || count > kMost) return std::nullopt;
  return count;
}

int threads_of(const GenerationPlan& plan) {
  const auto chosen = plan.env.find("OMP_NUM_THREADS");
  const auto count = chosen != plan.env.end() ? read_thread_count(chosen->second) : std::nullopt;
  return count.value_or(plan.threads_per_rank);
}

}  // namespace fabric
