#pragma once

#include <exception>
#include <string>

#include "frames/messages.h"

namespace fabric {

class AgentLink;

/// Returns what there is to say about `error` at once, whatever its type: the demangled type, what() (without the stack that
/// LibTorch puts into it, followed by that of the exceptions nested in it, and by the limit where memory was wanting), and
/// when it was thrown, as far as the executable recorded that (fabric-worker does), else the time now. No backtrace, which
/// takes longer. `error` must not be null.
frames::WorkerFailure describe_exception(const std::exception_ptr& error);

/// Returns the frames of the place that threw `error`, one a line, as far as the executable recorded them, else LibTorch's own.
/// Takes tens of milliseconds.
std::string backtrace_of(const std::exception_ptr& error);

// Each of these tells the agent at once, flushes what the program has written and says it in one line on stderr, unless a
// failure was told before. They do not throw.

/// Tells what `error`, which must not be null, says, and then its backtrace.
void tell_exception(AgentLink& link, const std::exception_ptr& error) noexcept;
/// Tells of a failure that is no exception, and that happened now.
void tell_failure(AgentLink& link, const std::string& message) noexcept;

}  // namespace fabric
