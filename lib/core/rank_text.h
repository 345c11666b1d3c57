#pragma once

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

/// Returns what they stand for where `rank` runs.
RankValues values_of(const Assignment& rank);

/// Returns whether `name` ("rank" of "${rank}") is a macro of ranks.
bool is_rank_macro(std::string_view name);

/// Returns `text` with `${rank}`, `${local_rank}`, `${node_rank}`, `${world_size}`, `${run_id}` and `${run_dir}` replaced by what
/// they are for one rank, and `$${` by a plain `${`. What is put in is not looked at again. kInvalidArgument for other macros;
/// a job that has been read has none.
Result<std::string> expand_rank_text(std::string_view text, const RankValues& values);

}  // namespace fabric
