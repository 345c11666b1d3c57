#include "cluster/cluster_environment.h"

#include "cluster/local_environment.h"

namespace fabric::cluster {

ClusterEnvironments builtin_environments() {
  ClusterEnvironments environments;
  environments.push_back(std::make_unique<LocalEnvironment>());
  return environments;
}

Result<ClusterInfo> detect(const ClusterEnvironments& environments, const Variables& variables, std::string_view name) {
  for (const auto& environment : environments) {
    if (name != "auto" && name != environment->name()) continue;
    const auto evidence = environment->evidence(variables);
    if (!evidence.has_value()) continue;
    FABRIC_ASSIGN_OR_RETURN(ClusterInfo info, environment->read(variables));
    info.environment = environment->name();
    info.evidence = *evidence;
    return info;
  }
  return not_found(concat("the environment must be ", name == "auto" ? "a known one" : name,
                          ", but nothing shows that; ", "write cluster.environment: local to run on this machine"));
}

}  // namespace fabric::cluster
