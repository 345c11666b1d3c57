#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/generation_plan.h"

namespace fabric::agent {

using Environment = std::map<std::string, std::string>;

/// Returns the entries of a null-terminated array of "NAME=value", as `environ` is one.
Environment read_environment(const char* const* entries);

/// Returns "NAME=value" for each entry.
std::vector<std::string> to_entries(const Environment& environment);

/// Returns the environment of the ranks of `plan`: what the agent inherited without its FABRIC_ variables, the plan's
/// own, and thread counts of the usual libraries where neither of the two sets them.
Environment rank_environment(const Environment& inherited, const GenerationPlan& plan);

}  // namespace fabric::agent
