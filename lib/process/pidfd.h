#pragma once

#include <sys/types.h>

#include "core/status.h"
#include "core/unique_fd.h"

namespace fabric::process {

/// Returns a descriptor that becomes readable when process `pid` ends. O_CLOEXEC. kUnknown if there is no such process.
Result<UniqueFd> open_pidfd(pid_t pid);

}  // namespace fabric::process
