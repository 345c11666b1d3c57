#include "exec_rank_starter.h"

#include <unistd.h>

#include <sstream>

#include "core/worker_command.h"

namespace fabric::agent {
namespace {

// Descriptors under which a worker finds its connection to the supervisor and its crash file.
constexpr int kWorkerAgentFd = 3;
constexpr int kWorkerCrashFd = 4;

/// Returns the path of a command, looked for as a shell does.
Result<std::string> find_command(const std::string& name, const Environment& environment) {
  if (name.find('/') != std::string::npos) return name;
  const auto path = environment.find("PATH");
  std::istringstream directories(path != environment.end() ? path->second : "/usr/bin:/bin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    const std::string candidate = concat(directory.empty() ? "." : directory, '/', name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return not_found(concat("the command that runs a rank must be a program in PATH, but '", name,
                          "' is none; install it or name its path"));
}

}  // namespace

void ExecRankStarter::start(const RankLaunch& launch, Done done) { done(start_now(launch)); }

Result<StartedRank> ExecRankStarter::start_now(const RankLaunch& launch) const {
  StartedRank rank;
  FABRIC_ASSIGN_OR_RETURN(const UniqueFd worker_end, connect_rank(rank));
  Environment environment = launch.own;
  environment.insert(launch.environment.begin(), launch.environment.end());
  environment["FABRIC_AGENT_FD"] = std::to_string(kWorkerAgentFd);
  environment["FABRIC_CRASH_FD"] = std::to_string(kWorkerCrashFd);

  process::ChildOptions options;
  const std::vector<std::string> command = rank_command(worker_, launch.wrapper);
  FABRIC_ASSIGN_OR_RETURN(options.program, find_command(command.front(), environment));
  options.arguments.assign(command.begin() + 1, command.end());
  options.environment = to_entries(environment);
  options.setup = launch.setup;
  options.inherit = {{worker_end.get(), kWorkerAgentFd}, {rank.crash_file.get(), kWorkerCrashFd}};
  options.has_terminal = launch.has_terminal;
  options.stdout_to = process::ChildStream::kPipe;
  options.stderr_to = process::ChildStream::kPipe;
  FABRIC_ASSIGN_OR_RETURN(rank.process, process::Child::spawn(options));
  rank.stdout_pipe = rank.process->take_stdout();
  rank.stderr_pipe = rank.process->take_stderr();
  return rank;
}

}  // namespace fabric::agent
