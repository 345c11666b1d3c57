#pragma once

#include <cstdint>
#include <string>

#include "core/status.h"

namespace fabric::launcher {

/// Returns "<name>-<UTC yyyymmdd-hhmmss>-<4 hex digits of `random`>", a valid name if `name` is one of at most 40 characters.
std::string make_run_id(const std::string& name, int64_t wall_ns, uint16_t random);

/// Where one run keeps what it leaves behind.
struct RunDirectory {
  std::string path;  ///< absolute
  std::string file(const std::string& name) const { return path + "/" + name; }
};

/// Makes the directory in which those of runs are, and what leads to it, as far as they are missing.
Status make_runs_directory(const std::string& path);

/// Makes `runs_directory`/`run_id` with logs/, checkpoints/ and program/ in it. `runs_directory` is absolute and there. What was
/// made of the run's directory is removed again if that fails.
///
/// kAlreadyExists if the run's directory exists, and only then; other kinds of errno_status.
Result<RunDirectory> make_run_directory(const std::string& runs_directory, const std::string& run_id);

/// Points `runs_directory`/latest at the run; a failure is not one of the run.
void point_latest_at(const std::string& runs_directory, const std::string& run_id);

/// Writes a file as a whole: under another name first, then renamed, so that no reader sees a part of it.
Status write_whole_file(const std::string& path, const std::string& text);

}  // namespace fabric::launcher
