#pragma once

#include <string>
#include <vector>

namespace fabric {

// How fabric-worker is called: by the agent, which does it, and by a plan, which shows it.

/// Descriptor of the fork server that leads to its supervisor.
inline constexpr int kForkServerFd = 3;

/// Returns the words that start the fork server of `program`.
inline std::vector<std::string> fork_server_command(const std::string& worker, const std::string& program) {
  return {worker, "--forkserver", std::to_string(kForkServerFd), program};
}

/// Returns the words that execute a rank: fabric-worker, run by the words of `wrapper` where there are any.
inline std::vector<std::string> rank_command(const std::string& worker, std::vector<std::string> wrapper) {
  wrapper.push_back(worker);
  return wrapper;
}

}  // namespace fabric
