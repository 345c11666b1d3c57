#pragma once

#include "cluster/cluster_environment.h"

namespace fabric::cluster {

/// This machine alone. Always here, so it is asked last.
class LocalEnvironment final : public ClusterEnvironment {
 public:
  std::string_view name() const override { return "local"; }
  std::optional<std::string> evidence(const Variables& variables) const override;
  /// Returns one node: this host, 127.0.0.1, and the cores that this process may run on.
  Result<ClusterInfo> read(const Variables& variables) const override;
};

}  // namespace fabric::cluster
