#pragma once

#include <string>
#include <vector>

namespace fabric::cluster {

/// A node that the job may use.
struct ClusterNode {
  std::string name;     ///< as the environment calls it
  std::string address;  ///< where other nodes reach it; a loopback address where there are none
  int slots = 1;        ///< cores that the job may use there
};

/// Who starts the processes of a job.
enum class ProcessStarter {
  kFabric,  ///< fabric-run starts an agent on each node
  kOthers,  ///< the environment has started one process per rank already
};

/// Where a job runs, as its environment tells.
struct ClusterInfo {
  std::string environment;         ///< "local"
  std::string evidence;            ///< why it was taken for that, for people
  std::vector<ClusterNode> nodes;  ///< at least one; the first is where fabric-run is
  ProcessStarter starter = ProcessStarter::kFabric;
};

}  // namespace fabric::cluster
