#include "core/rank_text.h"

#include <algorithm>
#include <array>

namespace fabric {
namespace {

constexpr std::array<std::string_view, 6> kMacros = {"rank",       "local_rank", "node_rank",
                                                     "world_size", "run_id",     "run_dir"};

std::string value_of(std::string_view name, const RankValues& values) {
  if (name == "rank") return std::to_string(values.rank);
  if (name == "local_rank") return std::to_string(values.local_rank);
  if (name == "node_rank") return std::to_string(values.node_rank);
  if (name == "world_size") return std::to_string(values.world_size);
  return name == "run_id" ? values.run_id : values.run_dir;
}

}  // namespace

RankValues values_of(const Assignment& rank) {
  const GenerationPlan& plan = rank.plan;
  return {.rank = rank.global_rank(),
          .local_rank = rank.local_rank,
          .node_rank = plan.node_rank,
          .world_size = plan.world_size,
          .run_id = plan.run_id,
          .run_dir = plan.run_directory};
}

bool is_rank_macro(std::string_view name) { return std::find(kMacros.begin(), kMacros.end(), name) != kMacros.end(); }

Result<std::string> expand_rank_text(std::string_view text, const RankValues& values) {
  std::string expanded;
  while (!text.empty()) {
    const size_t dollar = std::min(text.find('$'), text.size());
    expanded += text.substr(0, dollar);
    text.remove_prefix(dollar);
    if (text.starts_with("$${")) {
      expanded += "${";
      text.remove_prefix(3);
    } else if (text.starts_with("${")) {
      const size_t end = text.find('}');
      const std::string_view name = text.substr(2, end == std::string_view::npos ? end : end - 2);
      if (end == std::string_view::npos || !is_rank_macro(name)) {
        return invalid_argument(concat("a text must have no other macros than those of ranks, but has '",
                                       text.substr(0, 40), "'; write $${ for a plain ${"));
      }
      expanded += value_of(name, values);
      text.remove_prefix(end + 1);
    } else if (!text.empty()) {
      expanded += '$';
      text.remove_prefix(1);
    }
  }
  return expanded;
}

}  // namespace fabric
