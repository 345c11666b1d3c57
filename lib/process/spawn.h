#pragma once

#include "core/status.h"
#include "core/unique_fd.h"
#include "process/child.h"

namespace fabric::process {

/// A started process, and the parent's ends of its pipes.
struct SpawnedProcess {
  int pid = -1;
  UniqueFd stdout_pipe;
  UniqueFd stderr_pipe;
};

/// Forks and execs; see Child::spawn(), which is what everybody else calls.
Result<SpawnedProcess> spawn_process(const ChildOptions& options);

}  // namespace fabric::process
