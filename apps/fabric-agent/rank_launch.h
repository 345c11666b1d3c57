#pragma once

#include <string>
#include <vector>

#include "core/generation_plan.h"
#include "core/process_setup.h"
#include "process/core_placement.h"
#include "rank_environment.h"

namespace fabric::agent {

/// What the process of a rank starts with. All else reaches it as frames.
struct RankLaunch {
  std::string program;      ///< the user's shared object, for whoever loads it before there is a rank
  Environment environment;  ///< what all ranks of the generation have in common
  Environment own;          ///< what this one has over it
  ProcessSetup setup;
  StartMethod method = StartMethod::kExec;
  std::vector<std::string> wrapper;  ///< command that runs the worker; only with kExec; empty: none
  bool has_terminal = false;         ///< it has the terminal instead of pipes; only with kExec
};

/// Returns how the rank starts. `inherited` is the agent's environment.
RankLaunch launch_of(const Assignment& rank, const process::RankCores& cores, const Environment& inherited);

}  // namespace fabric::agent
