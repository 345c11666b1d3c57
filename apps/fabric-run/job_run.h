#pragma once

#include <csignal>

#include "core/clock.h"
#include "core/status.h"
#include "run_files.h"
#include "run_request.h"

namespace fabric::launcher {

/// Runs a job, whose files have been made, to its report: starts the agent, hosts the coordinator, shows output, obeys signals.
/// Returns the exit code of fabric-run; report.json and the lines on stderr say the rest. Blocks. Call it while the process
/// has no other threads, with those of kRunSignals blocked that it does not ignore, and SIGPIPE ignored.
///
/// Fails if the run cannot be started: no fabric-agent, for example.
Result<int> run_job(RunRequest request, RunFiles files, const Clock& clock);

/// Signals that a run heeds, unless they were ignored when fabric-run was started. SIGINT, SIGTERM and SIGHUP stop it: the
/// first one at a step or with the job's grace period, the second one at once. SIGQUIT kills the ranks. SIGUSR1 and SIGUSR2
/// are passed on to ranks. SIGCHLD tells a process that has been given orphans to reap them.
inline constexpr int kRunSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD};

}  // namespace fabric::launcher
