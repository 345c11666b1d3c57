#pragma once

#include <optional>
#include <string_view>

#include "core/generation_plan.h"

namespace fabric {

/// Returns how many threads a value of OMP_NUM_THREADS asks for: "4", or the first of "4,2", whose others are for nested regions.
/// nullopt if no number from 1 to 4096 stands first; OpenMP itself says so then.
std::optional<int> read_thread_count(std::string_view text);

/// Returns how many threads each rank of `plan` has: what its own OMP_NUM_THREADS says, else threads_per_rank, and that is 0
/// where nothing has been decided.
int threads_of(const GenerationPlan& plan);

}  // namespace fabric
