#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/cluster_info.h"
#include "core/status.h"

namespace fabric::cluster {

/// Environment variables of the process, read once by main.
using Variables = std::map<std::string, std::string>;

/// A kind of place that a job can be started in: one implementation per scheduler.
class ClusterEnvironment {
 public:
  virtual ~ClusterEnvironment() = default;
  /// Returns the word for it: "local".
  virtual std::string_view name() const = 0;
  /// Returns why this environment is here ("SLURM_JOB_ID is set"), or nullopt if it is not.
  virtual std::optional<std::string> evidence(const Variables& variables) const = 0;
  /// Returns what it tells. Call it only where evidence() has a value. Fails if what it says contradicts itself.
  virtual Result<ClusterInfo> read(const Variables& variables) const = 0;
};

using ClusterEnvironments = std::vector<std::unique_ptr<ClusterEnvironment>>;

/// Returns the environments of this build in the order in which they are asked; the local one, which is always here, is last.
ClusterEnvironments builtin_environments();

/// Returns what the first of `environments` that is here tells, or the one called `name` if that is not "auto". kNotFound if
/// none is.
Result<ClusterInfo> detect(const ClusterEnvironments& environments, const Variables& variables,
                           std::string_view name = "auto");

}  // namespace fabric::cluster
