#pragma once

#include <csignal>
#include <string>
#include <vector>

#include "cluster/cluster_info.h"
#include "core/clock.h"
#include "core/status.h"
#include "job/job_spec.h"
#include "job_settings.h"
#include "run_display.h"

namespace fabric::launcher {

/// A job that has been read and checked (check_program(), check_nodes()), and how to run it.
struct RunRequest {
  job::JobSpec job;
  std::string build_id;  ///< of the program; empty if it has none
  cluster::ClusterInfo cluster;
  std::string current_directory;
  std::string runs_directory;  ///< absolute
  std::string run_id;          ///< empty: made of the job's name and the time
  RankWrapper wrapper;         ///< checked (check_wrapped_ranks())
  DisplayOptions display;
  bool verbose = false;
  std::string agent_program;             ///< path of fabric-agent
  std::vector<std::string> environment;  ///< "NAME=value", of the agent and, through it, of ranks
};

/// Runs a job from its directory to its report: starts the agent, hosts the coordinator, shows output, obeys signals.
/// Returns the exit code of fabric-run; report.json and the lines on stderr say the rest. Blocks. Call it while the process
/// has no other threads, with those of kRunSignals blocked that it does not ignore, and SIGPIPE ignored.
///
/// Fails if the run cannot be started: a directory that cannot be made, no fabric-agent.
Result<int> run_job(RunRequest request, const Clock& clock);

/// Signals that a run heeds, unless they were ignored when fabric-run was started. SIGINT, SIGTERM and SIGHUP stop it: the
/// first one at a step or with the job's grace period, the second one at once. SIGQUIT kills the ranks. SIGUSR1 and SIGUSR2
/// are passed on to ranks. SIGCHLD tells a process that has been given orphans to reap them.
inline constexpr int kRunSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD};

}  // namespace fabric::launcher
