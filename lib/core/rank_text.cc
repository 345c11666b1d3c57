#include "core/rank_text.h"

#include <algorithm>
#include <array>

namespace fabric {
namespace {

struct RankMacro {
  std::string_view name;
  std::string (*value)(const RankValues& values);
};

constexpr std::array<RankMacro, 6> kMacros = {
    {{"rank", [](const RankValues& values) { return std::to_string(values.rank); }},
     {"local_rank", [](const RankValues& values) { return std::to_string(values.local_rank); }},
     {"node_rank", [](const RankValues& values) { return std::to_string(values.node_rank); }},
     {"world_size", [](const RankValues& values) { return std::to_string(values.world_size); }},
     {"run_id", [](const RankValues& values) { return values.run_id; }},
     {"run_dir", [](const RankValues& values) { return values.run_dir; }}}};

const RankMacro* find_macro(std::string_view name) {
  const auto* const found =
      std::find_if(kMacros.begin(), kMacros.end(), [&](const RankMacro& macro) { return macro.name == name; });
  return found != kMacros.end() ? found : nullptr;
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

bool is_rank_macro(std::string_view name) { return find_macro(name) != nullptr; }

Result<std::string> expand_rank_text(std::string_view text, const RankValues& values) {
  std::string expanded;
  const auto plain = [&](std::string_view part) { expanded += part; };
  const auto expand = [&](std::string_view macro) -> Status {
    const RankMacro* const known = macro.ends_with('}') ? find_macro(macro_name(macro)) : nullptr;
    if (known == nullptr) {
      const auto place = static_cast<size_t>(macro.data() - text.data());
      return invalid_argument(concat("a text must have no other macros than those of ranks, but has '",
                                     text.substr(place, 40), "'; write $${ for a plain ${"));
    }
    expanded += known->value(values);
    return ok_status();
  };
  FABRIC_RETURN_IF_ERROR(split_macros(text, plain, expand));
  return expanded;
}

}  // namespace fabric
