#pragma once

#include <exception>
#include <string>

#include "frames/messages.h"

namespace fabric {

class AgentLink;

/// Returns what there is to say about `error`, whatever its type: the demangled type, what() (without the stack that LibTorch
/// puts into it, followed by that of the exceptions nested in it), and the frames of the place that threw it, as far as
/// the executable recorded them (fabric-worker does), else LibTorch's own. `error` must not be null.
frames::WorkerFailure describe_exception(const std::exception_ptr& error);

/// Flushes what the program has written, and says `failure` in one line on stderr and all of it to the agent, unless a failure
/// was told before. Does not throw.
void tell_failure(AgentLink& link, frames::WorkerFailure failure) noexcept;

}  // namespace fabric
