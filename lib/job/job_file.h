#pragma once

#include <string>

#include "core/status.h"

namespace fabric::job {

/// Largest job file, in bytes.
inline constexpr size_t kMaxJobBytes = 1 << 20;

/// Returns what stands in a file of a job. The message of an error goes on after the file's name or "a job": "must be a file,
/// but is a directory; ...". kInvalidArgument if it is no regular file or too long; other kinds of errno_status.
Result<std::string> read_job_text(const std::string& path);

}  // namespace fabric::job
