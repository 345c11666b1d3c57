#pragma once

#include <string>

#include "fabric/arguments.h"
#include "fabric/options.h"

namespace fabric {

/// What a resolved job says to a program.
struct ProgramJob {
  Arguments arguments;
  Options options;
};

/// Reads {"args": {...}, "fabric": {...}, "checkpoint": {...}}; other keys are the launcher's. Relative paths among the
/// arguments refer to `job_directory`. Throws UsageError that names the key if one is of a wrong kind.
ProgramJob read_program_job(const std::string& job_json, const std::string& job_directory);

/// Returns the registered name that `text` stands for: 32 is 32-true, 64 is 64-true, 16 is 16-mixed, bf16 is bf16-mixed.
std::string precision_name(const std::string& text);

}  // namespace fabric
