#pragma once

#include <string>

#include "core/clock.h"
#include "event_journal.h"
#include "run_directory.h"
#include "run_request.h"

namespace fabric::launcher {

/// What a run has on disk before anything is started.
struct RunFiles {
  std::string run_id;
  RunDirectory directory;
  std::string program;  ///< path of the run's own copy
  EventJournal journal;
};

/// Makes the run's directory with the resolved job, the copy of the program and the events in it; or, where the request names a
/// run that was cut off, finds what that has left, to go on with the same job. What was made is removed again if that fails;
/// then the reason names where the directory's path comes from.
tl::expected<RunFiles, Refusal> make_run_files(const RunRequest& request, const Clock& clock);

}  // namespace fabric::launcher
