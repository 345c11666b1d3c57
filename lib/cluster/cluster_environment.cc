#include "cluster/cluster_environment.h"

#include "cluster/local_environment.h"

namespace fabric::cluster {

ClusterEnvironments builtin_environments() {
  ClusterEnvironments environments;
  environments.push_back(std::make_unique<LocalEnvironment>());
  return environments;
}

Result<ClusterInfo> detect(const ClusterEnvironments& environments, const Variables& variables) {
  for (const auto& environment : environments) {
    const auto evidence = environment->evidence(variables);
    if (!evidence.has_value()) continue;
    FABRIC_ASSIGN_OR_RETURN(ClusterInfo info, environment->read(variables));
    info.environment = environment->name();
    info.evidence = *evidence;
    return info;
  }
  return not_found("one environment must be here, but none is; add the local one");
}

}  // namespace fabric::cluster
