#include "link_process.h"

#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "control/agent_client.h"
#include "control/grpc_log.h"
#include "core/exit_codes.h"
#include "core/exit_report.h"
#include "link.h"
#include "process/pidfd.h"
#include "process/reaper.h"
#include "process/signals.h"

namespace fabric::agent {
namespace {

constexpr Nanoseconds kKillTimeout = std::chrono::seconds(2);
constexpr Nanoseconds kCloseTimeout = std::chrono::seconds(1);

// The coordinator over gRPC. Its callbacks come on gRPC's threads and are posted to the loop.
class GrpcCoordinator final : public CoordinatorPort {
 public:
  Status connect(process::EventLoop& loop, UniqueFd socket, Link& link) {
    control::AgentClient::Callbacks callbacks;
    callbacks.message = [&loop, &link](CoordinatorMessage message) {
      loop.post([&link, message = std::move(message)] { link.on_coordinator_message(message); });
    };
    callbacks.closed = [this, &loop, &link](Status status) {
      loop.post([this, &loop, &link, status = std::move(status)] {
        closed_ = true;
        if (closing_)
          loop.stop();
        else
          link.on_coordinator_closed(status);
      });
    };
    FABRIC_ASSIGN_OR_RETURN(client_, control::AgentClient::connect(std::move(socket), std::move(callbacks)));
    return ok_status();
  }
  void send(const AgentMessage& message) override {
    if (client_ != nullptr) client_->send(message);
  }
  void call_store(GenerationId generation, StoreRequest request, std::function<void(StoreResponse)> done) override {
    client_->call_store(generation, std::move(request), std::move(done));
  }
  // Sends what is queued and ends the stream; a coordinator that does not answer is left.
  void disconnect(process::EventLoop& loop) {
    closing_ = true;
    client_->close();
    loop.call_after(kCloseTimeout, [&loop] { loop.stop(); });
    if (!closed_) loop.run();
    client_.reset();
  }

 private:
  std::unique_ptr<control::AgentClient> client_;
  bool closing_ = false;
  bool closed_ = false;
};

// Returns how the supervisor ended, and ends it if it has not. No descendant is left afterwards.
int end_processes(pid_t supervisor, Log& log, const Clock& clock) {
  siginfo_t info{};
  const bool reaped = ::waitid(P_PID, static_cast<id_t>(supervisor), &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0;
  if (!process::kill_all_descendants(kKillTimeout, clock)) log.error("some processes of ranks cannot be killed");
  if (reaped && info.si_code == CLD_EXITED) return info.si_status;
  if (reaped) log.error("the supervisor was killed", {{"signal", info.si_status}});
  return exit_code::kFailure;
}

Status run(UniqueFd coordinator_socket, UniqueFd supervisor_socket, pid_t supervisor, Log& log, const Clock& clock,
           int& exit_code) {
  FABRIC_ASSIGN_OR_RETURN(const UniqueFd pidfd, process::open_pidfd(supervisor));
  FABRIC_ASSIGN_OR_RETURN(const std::unique_ptr<process::EventLoop> loop, process::EventLoop::create(clock));
  GrpcCoordinator coordinator;
  FABRIC_ASSIGN_OR_RETURN(const std::unique_ptr<Link> link,
                          Link::create(*loop, log, coordinator, std::move(supervisor_socket)));
  FABRIC_RETURN_IF_ERROR(loop->watch(pidfd.get(), EPOLLIN, [&](uint32_t) { loop->stop(); }));
  const auto on_signal = [&](int number) {
    if (number == SIGCHLD) return;  // the supervisor's end comes through its pidfd
    link->shut_down(exit_code::kSignalBase + number, concat("the agent was told to end (", signal_name(number), ")"));
  };
  FABRIC_ASSIGN_OR_RETURN(
      const std::unique_ptr<process::SignalWatcher> signals,
      process::SignalWatcher::create(*loop, {std::begin(kAgentSignals), std::end(kAgentSignals)}, on_signal));
  FABRIC_RETURN_IF_ERROR(coordinator.connect(*loop, std::move(coordinator_socket), *link));

  loop->run();

  loop->unwatch(pidfd.get());
  exit_code = end_processes(supervisor, log, clock);
  link->drain();  // what the supervisor said last
  coordinator.disconnect(*loop);
  return ok_status();
}

}  // namespace

int run_link(const AgentOptions& options, UniqueFd coordinator, UniqueFd supervisor_socket, pid_t supervisor) {
  const SystemClock clock;
  FdLog log(STDERR_FILENO, concat("fabric-agent[", options.id, "] link"), options.log_level, clock);
  const control::GrpcLogRoute grpc_log(log);
  int exit_code = exit_code::kFailure;
  Status status = process::become_subreaper();
  if (status.ok())
    status = run(std::move(coordinator), std::move(supervisor_socket), supervisor, log, clock, exit_code);
  if (!status.ok()) log.error("the link cannot run", {{"reason", status.message()}});
  process::kill_all_descendants(kKillTimeout, clock);
  return exit_code;
}

}  // namespace fabric::agent
