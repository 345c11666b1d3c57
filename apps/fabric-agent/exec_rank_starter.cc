#include "exec_rank_starter.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>

namespace fabric::agent {

void ExecRankStarter::start(const RankLaunch& launch, std::function<void(Result<StartedRank>)> done) {
  done(start_now(launch));
}

Result<StartedRank> ExecRankStarter::start_now(const RankLaunch& launch) const {
  StartedRank rank;
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return errno_status(errno, "create a socket pair");
  rank.socket.reset(ends[0]);
  const UniqueFd worker_end(ends[1]);
  rank.crash_file.reset(::memfd_create("fabric-crash", MFD_CLOEXEC));
  if (!rank.crash_file) return errno_status(errno, "create a crash file in memory");

  process::ChildOptions options;
  options.program = worker_;
  options.environment = launch.environment;
  options.working_directory = launch.working_directory;
  options.inherit = {{worker_end.get(), kWorkerAgentFd}, {rank.crash_file.get(), kWorkerCrashFd}};
  options.stdout_to = process::ChildStream::kPipe;
  options.stderr_to = process::ChildStream::kPipe;
  FABRIC_ASSIGN_OR_RETURN(rank.process, process::Child::spawn(options));
  rank.stdout_pipe = rank.process->take_stdout();
  rank.stderr_pipe = rank.process->take_stderr();
  return rank;
}

}  // namespace fabric::agent
