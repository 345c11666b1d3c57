#pragma once

#include <exception>
#include <string>

#include "frames/messages.h"

namespace fabric {

/// Returns what there is to say about `error`, whatever its type: the demangled type, what() (without the stack that LibTorch
/// puts into it, followed by that of the exceptions nested in it), and the frames of the place that threw it, as far as
/// the executable recorded them (fabric-worker does), else LibTorch's own. `error` must not be null.
frames::WorkerFailure describe_exception(const std::exception_ptr& error);

}  // namespace fabric
