#pragma once

#include <optional>
#include <string>

#include "core/status.h"
#include "run_directory.h"

namespace fabric::launcher {

/// What `--resume WHAT` means where WHAT is a path: a run's directory, or else a checkpoint.
struct ResumePath {
  std::string path;  ///< absolute
  bool is_run = false;
};

/// Returns what `what` names, if that is a path: it has a '/' in it, or such a file is there. kNotFound if it has a '/' and
/// nothing is there.
Result<std::optional<ResumePath>> resume_path_of(const std::string& what, const std::string& current_directory);

/// Returns the id of the run in `runs_directory` that `what` names: itself, or for "last" that which was active last of those
/// whose job is called `job_name`. kNotFound if there is none, with those that there are.
Result<std::string> resumed_run_id(const std::string& what, const std::string& runs_directory,
                                   const std::string& job_name);

/// Makes the directory of a run that has ended, or was cut off, ready to go on: what a run writes once, its job and its report,
/// is kept under other names, job-1.yaml, report-1.json and so on. kFailedPrecondition while a fabric-run leads the run.
Status reopen_run_directory(const RunDirectory& directory);

}  // namespace fabric::launcher
