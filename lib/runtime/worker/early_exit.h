#pragma once

namespace fabric {

/// From now on a call of exit(), _exit() or _Exit() in this process leaves a record in the crash file: "exit CODE by FUNCTION"
/// and the frames, the caller's first. Does nothing in a process whose executable is not fabric-worker.
void watch_for_early_exit();
/// The process may exit now.
void allow_exit();

}  // namespace fabric
