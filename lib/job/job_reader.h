#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "job/job_spec.h"

namespace fabric::job {

/// Largest job file, in bytes.
inline constexpr size_t kMaxJobBytes = 1 << 20;

/// Reads the job file at `path`, then `overrides` ("fabric.devices=2", see apply_overrides()), checks all of it, fills in
/// defaults and makes paths absolute. Touches no file but this one.
///
/// Errors: kInvalidArgument with one line "file:line:column: what must hold, what is, what to do" for each mistake;
/// errno_status if the file cannot be read.
Result<JobSpec> read_job(const std::string& path, const std::vector<std::string>& overrides = {});

/// Does the same for a text: `name` stands in messages, `directory` (absolute) is what relative paths are relative to.
Result<JobSpec> parse_job(std::string_view text, const std::string& name, const std::string& directory,
                          const std::vector<std::string>& overrides = {});

}  // namespace fabric::job
