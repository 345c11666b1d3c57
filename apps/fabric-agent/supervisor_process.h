#pragma once

#include <sys/types.h>

#include <csignal>
#include <optional>
#include <string>

#include "core/generation_plan.h"
#include "core/log.h"
#include "core/unique_fd.h"
#include "rank_environment.h"

namespace fabric::agent {

/// What both processes of an agent are told by its command line.
struct AgentOptions {
  std::string id;
  std::string node_name;  ///< of this node in reports; empty: the name of the host
  std::string worker;     ///< path of fabric-worker
  LogLevel log_level = LogLevel::kInfo;
  Environment environment;
  std::optional<GenerationPlan> common_plan;  ///< see SupervisorOptions
};

/// Signals that both processes take from their loops. They must be blocked before the agent forks.
inline constexpr int kAgentSignals[] = {SIGHUP, SIGINT, SIGTERM, SIGCHLD};

/// Is the supervisor until its end: closes all descriptors but the standard ones and `link_socket`, and returns the
/// process's exit code. When it returns, no descendant is left. `link` is the process id of the parent.
int run_supervisor(const AgentOptions& options, UniqueFd link_socket, pid_t link);

}  // namespace fabric::agent
