#pragma once

#include <string>
#include <vector>

#include "core/generation_plan.h"
#include "core/process_setup.h"
#include "rank_environment.h"

namespace fabric::agent {

/// What the process of a rank starts with. All else reaches it as frames.
struct RankLaunch {
  std::string program;      ///< the user's shared object, for whoever loads it before there is a rank
  Environment environment;  ///< the whole of it
  ProcessSetup setup;
  StartMethod method = StartMethod::kExec;
  std::vector<std::string> wrapper;  ///< command that runs the worker; only with kExec; empty: none
};

/// Returns how rank `local_rank` of `plan` starts. `inherited` is the agent's environment.
RankLaunch launch_of(const GenerationPlan& plan, int local_rank, const Environment& inherited);

}  // namespace fabric::agent
