#pragma once

#include <string>

#include "core/status.h"
#include "fabric/program.h"

namespace fabric {

/// Loads the user's shared object at `path` and returns what it offers. It stays loaded for the life of the process.
///
/// Its note is checked first, so nothing of a program that was built otherwise is ever run. Errors are those of
/// read_program_note() and check_compatible(), or kFailedPrecondition with what the loader says, names made readable.
Result<const ProgramTable*> load_program(const std::string& path);

}  // namespace fabric
