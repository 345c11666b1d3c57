#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "core/generation_plan.h"
#include "core/status.h"

namespace fabric {

/// What the macros of one rank stand for.
struct RankValues {
  int rank = 0;
  int local_rank = 0;
  int node_rank = 0;
  int world_size = 1;
  std::string run_id{};
  std::string run_dir{};
};

/// Splits a text at its macros, in their order: `plain` is given what is none, with `$${` as a plain `${`, and `macro` each
/// "${NAME}", without its '}' if that is missing, until it returns an error, which is returned.
template <class Plain, class Macro>
Status split_macros(std::string_view text, const Plain& plain, const Macro& macro) {
  while (!text.empty()) {
    const size_t dollar = std::min(text.find('$'), text.size());
    size_t taken = dollar;
    if (dollar > 0) {
      plain(text.substr(0, dollar));
    } else if (text.starts_with("$${")) {
      plain(text.substr(1, 2));
      taken = 3;
    } else if (text.starts_with("${")) {
      taken = std::min(text.find('}'), text.size() - 1) + 1;
      FABRIC_RETURN_IF_ERROR(macro(text.substr(0, taken)));
    } else {
      plain(text.substr(0, 1));
      taken = 1;
    }
    text.remove_prefix(taken);
  }
  return ok_status();
}

/// Returns "rank" of "${rank}".
inline std::string_view macro_name(std::string_view macro) { return macro.substr(2, macro.find('}') - 2); }

/// Returns what they stand for where `rank` runs.
RankValues values_of(const Assignment& rank);

/// Returns whether `name` ("rank" of "${rank}") is a macro of ranks.
bool is_rank_macro(std::string_view name);

/// Returns `text` with `${rank}`, `${local_rank}`, `${node_rank}`, `${world_size}`, `${run_id}` and `${run_dir}` replaced by what
/// they are for one rank, and `$${` by a plain `${`. What is put in is not looked at again. kInvalidArgument for other macros;
/// a job that has been read has none.
Result<std::string> expand_rank_text(std::string_view text, const RankValues& values);

}  // namespace fabric
