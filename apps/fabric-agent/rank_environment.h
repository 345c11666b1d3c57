#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "core/generation_plan.h"

namespace fabric::agent {

using Environment = std::map<std::string, std::string>;

/// The variables that tell the usual libraries their number of threads.
inline constexpr std::array kThreadVariables = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"};

/// Returns the entries of a null-terminated array of "NAME=value", as `environ` is one.
Environment read_environment(const char* const* entries);

/// Returns "NAME=value" for each entry.
std::vector<std::string> to_entries(const Environment& environment);

/// Returns what the environments of all ranks of `plan` have in common: what the agent inherited without its FABRIC_
/// variables, and the plan's own that have no macros.
Environment common_environment(const Environment& inherited, const GenerationPlan& plan);

/// Returns what `rank` has over that: the plan's variables with macros, what they stand for put in, and the thread counts of
/// the usual libraries, by the plan unless its variables say otherwise: what was inherited of those was the job's to take up.
Environment own_environment(const Assignment& rank);

}  // namespace fabric::agent
