#pragma once

#include "core/status.h"
#include "core/unique_fd.h"

namespace fabric::process {

/// Both ends of a pipe, O_CLOEXEC.
struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

/// Makes a pipe whose ends block.
Result<Pipe> make_pipe();
/// Makes a pipe for what a process writes: its read end, for an OutputPump, does not block.
Result<Pipe> make_output_pipe();

}  // namespace fabric::process
