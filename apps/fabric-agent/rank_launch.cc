#include "rank_launch.h"

namespace fabric::agent {

RankLaunch launch_of(const Assignment& rank, const process::RankCores& cores, const Environment& inherited) {
  const GenerationPlan& plan = rank.plan;
  RankLaunch launch;
  launch.program = plan.program;
  launch.environment = common_environment(inherited, plan);
  launch.own = own_environment(rank);
  launch.setup = {plan.workdir, cores.cpus, plan.limits};
  launch.method = plan.start_method;
  if (plan.wraps(rank.global_rank())) {
    launch.method = StartMethod::kExec;
    launch.wrapper = plan.wrapper;
    launch.has_terminal = plan.wrapper_has_terminal;
  }
  return launch;
}

}  // namespace fabric::agent
