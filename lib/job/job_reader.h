#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "job/diagnostics.h"
#include "job/job_layers.h"
#include "job/job_spec.h"
#include "job/value_source.h"

namespace fabric::job {

/// A job that has been read, and what its values come from.
struct ResolvedJob {
  JobSpec spec{};
  Provenance sources{};
  std::vector<std::string> profiles{};  ///< names of those that --profile could have chosen
  std::vector<std::string> warnings{};  ///< lines "file:line:column: what was taken for something else"
};

/// Reads the job file at `path` and all that is laid over it (see read_layers()), checks all of it, fills in defaults and makes
/// paths absolute. Touches no file but this one and those that it includes. Mistakes go to `diagnostics`, too, which knows
/// whether they are the command line's.
///
/// Errors: kInvalidArgument with one line "file:line:column: what must hold, what is, what to do" for each mistake;
/// errno_status if the file cannot be read.
Result<ResolvedJob> read_job(const std::string& path, const JobInputs& inputs, Diagnostics& diagnostics);
Result<ResolvedJob> read_job(const std::string& path, const JobInputs& inputs = {});

/// Does the same for a text: `name` stands in messages, `directory` (absolute) is what relative paths are relative to.
Result<ResolvedJob> parse_job(std::string_view text, const std::string& name, const std::string& directory,
                              const JobInputs& inputs = {});

}  // namespace fabric::job
