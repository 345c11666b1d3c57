#pragma once

#include "fabric/export.h"

/// Runs one rank to its end and returns the process's exit code. Called by fabric-worker's main, once, on its first thread.
///
/// `agent_fd` is this rank's end of the socket to its agent, `crash_fd` a file that takes the backtrace of a crash; both are
/// taken over. Returns what the program's train() returned, 75 if it was stopped, 1 after an exception or a lost agent, 78
/// if the program cannot be loaded. Failures are told to the agent, and in one line on stderr.
extern "C" FABRIC_API int fabric_worker_main(int agent_fd, int crash_fd);
