#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cluster/cluster_environment.h"
#include "command_line.h"
#include "core/log.h"
#include "core/status.h"
#include "job/job_reader.h"
#include "job_settings.h"
#include "local_agent.h"
#include "run_display.h"

namespace fabric::launcher {

/// A node that is this machine, or a part of it.
struct LocalNode {
  std::string name;        ///< in reports; empty: the name of the host
  std::vector<int> cores;  ///< that it has; empty: all
};

/// A job that has been read and checked, and how to run it. All that a run and its plan have in common comes from here.
struct RunRequest {
  job::ResolvedJob job;
  std::string build_id;  ///< of the program; empty if it has none
  cluster::ClusterInfo cluster;
  std::vector<LocalNode> local_nodes;  ///< those of this machine, each of which gets an agent
  std::string current_directory;
  std::string runs_directory;              ///< absolute
  job::ValueSource runs_directory_source;  ///< --run-dir, the job's output.directory, or the default
  std::string run_id;                      ///< empty: made of the job's name and the time
  bool resumes_run = false;                ///< the run `run_id` is there, ended or not, and goes on (--resume)
  RankWrapper wrapper;
  DisplayOptions display;
  LogLevel log_level = LogLevel::kWarning;  ///< the least of fabric-run and the agents that is shown
  std::string agent_program;                ///< path of fabric-agent
  std::vector<std::string> environment;     ///< "NAME=value", of the agent and, through it, of ranks

  const job::JobSpec& spec() const { return job.spec; }
};

/// Why something is not done, and the code that fabric-run ends with then.
struct Refusal {
  int exit_code = 0;
  Status reason;
};

/// Returns what a value is from that the option `name` of the command line says.
job::ValueSource flag_source(const std::string& name);

/// Returns `status` with the place of the value that it is about before it: "job.yaml:2:10: ...", and the exit code that
/// goes with where that value comes from.
Refusal refusal_at(const job::ValueSource& source, const Status& status);

/// Returns the LD_LIBRARY_PATH of the job's ranks; nullopt where LD_PRELOAD brings them functions that nobody can see.
std::optional<std::string> library_path_of(const job::JobSpec& spec, const cluster::Variables& variables);

/// Reads and checks what `command` says, in an environment of `variables`. Starts nothing and writes nothing.
tl::expected<RunRequest, Refusal> make_request(const RunCommand& command, const cluster::Variables& variables);

/// Returns what the coordinator of the run is told; `run_directory` and `program` (the run's copy) as in RunPlace.
rendezvous::Settings settings_of(const RunRequest& request, const std::string& run_id, const std::string& run_directory,
                                 const std::string& program);

/// Returns how the next agent of the local node of that number is started. It has a name that no agent of the run has had:
/// nobody knows whether the ranks of an earlier one are gone.
LocalAgent::Options agent_options_of(const RunRequest& request, size_t node, const std::string& run_directory,
                                     const GenerationPlan& common_plan);

}  // namespace fabric::launcher
