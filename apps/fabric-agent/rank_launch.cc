#include "rank_launch.h"

namespace fabric::agent {

RankLaunch launch_of(const GenerationPlan& plan, int local_rank, const Environment& inherited) {
  RankLaunch launch;
  launch.program = plan.program;
  launch.environment = rank_environment(inherited, plan);
  launch.setup = {plan.workdir, {}, plan.limits};
  launch.method = plan.start_method;
  if (plan.wraps(plan.first_global_rank + local_rank)) {
    launch.method = StartMethod::kExec;
    launch.wrapper = plan.wrapper;
  }
  return launch;
}

}  // namespace fabric::agent
