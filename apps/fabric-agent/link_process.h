#pragma once

#include <sys/types.h>

#include "core/unique_fd.h"
#include "supervisor_process.h"

namespace fabric::agent {

/// Is the link until its end, and returns the process's exit code, the supervisor's where that exits by itself. When it
/// returns, the supervisor has ended and no descendant is left. `coordinator` is a connected socket.
int run_link(const AgentOptions& options, UniqueFd coordinator, UniqueFd supervisor_socket, pid_t supervisor);

}  // namespace fabric::agent
