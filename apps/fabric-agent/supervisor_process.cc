#include "supervisor_process.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "core/exit_codes.h"
#include "fork_rank_starter.h"
#include "process/pidfd.h"
#include "process/reaper.h"
#include "process/signals.h"
#include "supervisor.h"

namespace fabric::agent {
namespace {

constexpr Nanoseconds kKillTimeout = std::chrono::seconds(2);

void close_all_but(int fd) {
  if (fd > 3) ::close_range(3, static_cast<unsigned>(fd) - 1, 0);
  ::close_range(static_cast<unsigned>(fd) + 1, ~0U, 0);
}

// The kernel says SIGTERM when the link ends, beside the pidfd; a link that ended before that is found by its id.
Status bind_to_link(pid_t link) {
  if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) return errno_status(errno, "set a parent-death signal");
  if (::getppid() != link) return aborted("the link must live, but has ended");
  return process::become_subreaper();
}

Status run(const AgentOptions& options, UniqueFd link_socket, pid_t link, Log& log, const Clock& clock,
           int& exit_code) {
  FABRIC_ASSIGN_OR_RETURN(const UniqueFd link_pidfd, process::open_pidfd(link));
  FABRIC_RETURN_IF_ERROR(bind_to_link(link));
  FABRIC_ASSIGN_OR_RETURN(const std::unique_ptr<process::EventLoop> loop, process::EventLoop::create(clock));
  ForkRankStarter starter(*loop, log, options.worker);
  SupervisorOptions supervisor_options;
  supervisor_options.agent = {options.id};
  supervisor_options.node_name = options.node_name;
  supervisor_options.worker = options.worker;
  supervisor_options.inherited = options.environment;
  supervisor_options.common_plan = options.common_plan;
  FABRIC_ASSIGN_OR_RETURN(
      const std::unique_ptr<Supervisor> supervisor,
      Supervisor::create(*loop, log, starter, std::move(supervisor_options), std::move(link_socket)));
  FABRIC_RETURN_IF_ERROR(loop->watch(link_pidfd.get(), EPOLLIN, [&](uint32_t) {
    loop->unwatch(link_pidfd.get());
    supervisor->abandon("the link has ended");
  }));
  const auto on_signal = [&](int number) {
    if (number == SIGCHLD) return supervisor->reap_orphans();
    if (::getppid() != link) return supervisor->abandon("the link has ended");
    // A terminal's SIGINT and SIGHUP reach both processes; the link says what follows from them.
    if (number == SIGTERM)
      supervisor->shut_down(exit_code::kSignalBase + SIGTERM, "the agent was told to end (SIGTERM)");
  };
  FABRIC_ASSIGN_OR_RETURN(
      const std::unique_ptr<process::SignalWatcher> signals,
      process::SignalWatcher::create(*loop, {std::begin(kAgentSignals), std::end(kAgentSignals)}, on_signal));

  loop->run();

  process::kill_all_descendants(kKillTimeout, clock);  // first, so that nothing waits for a process that hangs
  exit_code = supervisor->exit_code();
  return ok_status();
}

}  // namespace

int run_supervisor(const AgentOptions& options, UniqueFd link_socket, pid_t link) {
  close_all_but(link_socket.get());
  const SystemClock clock;
  FdLog log(STDERR_FILENO, concat("fabric-agent[", options.id, "] supervisor"), options.log_level, clock);
  int exit_code = exit_code::kFailure;
  const Status status = run(options, std::move(link_socket), link, log, clock, exit_code);
  if (!status.ok()) log.error("the supervisor cannot run", {{"reason", status.message()}});
  if (!process::kill_all_descendants(kKillTimeout, clock)) log.error("some processes of ranks cannot be killed");
  return exit_code;
}

}  // namespace fabric::agent
