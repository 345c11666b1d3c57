#include "runtime/worker/fork_server.h"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

#include "core/exit_codes.h"
#include "core/unique_fd.h"
#include "frames/codec.h"
#include "frames/descriptor_packet.h"
#include "frames/frame_buffer.h"
#include "frames/messages.h"
#include "runtime/accelerators/cuda_library.h"
#include "runtime/worker/program_loader.h"
#include "runtime/worker/worker_main.h"

namespace fabric {
namespace {

namespace fs = std::filesystem;

enum RankDescriptor : uint8_t { kAgent, kCrash, kStdout, kStderr, kNumRankDescriptors };

/// A rank to be, and all that it needs.
struct RankToFork {
  frames::ForkRank request;
  std::vector<UniqueFd> descriptors;
};

size_t count_threads() {
  std::error_code error;
  const fs::directory_iterator tasks("/proc/self/task", error);
  return error ? 1 : static_cast<size_t>(std::distance(begin(tasks), end(tasks)));
}

// A descriptor that the program's initialisers left open would be one open file for all ranks: a shared offset, a device
// that no child may use, a socket that two read.
std::string open_descriptor_but(int server_fd) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc/self/fd", error)) {
    const int fd = std::atoi(entry.path().filename().c_str());
    const fs::path target = fs::read_symlink(entry.path(), error);
    const bool is_this_listing = target.string().ends_with("/fd");
    if (fd > STDERR_FILENO && fd != server_fd && !error && !is_this_listing) return target.string();
  }
  return {};
}

std::string why_not_to_fork(int server_fd) {
  if (const size_t threads = count_threads(); threads > 1) {
    return concat("the program has ", threads, " threads once it is loaded, and a forked rank would have one");
  }
  if (const std::string path = open_descriptor_but(server_fd); !path.empty()) {
    return concat("the program has '", path, "' open once it is loaded, and forked ranks would share it");
  }
  return {};
}

// Touches what every rank touches first, so that it is initialised once and its pages are shared. No backward: the autograd
// engine refuses to work in the child of a process that has used it.
void warm_up() {
  const c10::NoGradGuard no_grad;
  const at::Tensor a = at::ones({8, 8});
  static_cast<void>(at::relu(at::addmm(a, a, a)).sum().item<float>());
}

// Takes the rank's own environment, streams and limits. Returns what it could not do, with errno set.
const char* become_rank(const RankToFork& rank) {
  for (const auto& [name, value] : rank.request.environment) ::setenv(name.c_str(), value.c_str(), 1);
  if (::dup2(rank.descriptors[kStdout].get(), STDOUT_FILENO) < 0) return "take its standard output";
  if (::dup2(rank.descriptors[kStderr].get(), STDERR_FILENO) < 0) return "take its standard error";
  return apply(rank.request.setup);
}

[[noreturn]] void tell_and_exit(int agent_fd, const char* action) {
  const std::string message = errno_status(errno, action).message();
  const std::string frame =
      frames::frame_of(frames::encode(frames::WorkerMessage(frames::WorkerFailure{{}, message, {}, 0})));
  [[maybe_unused]] const ssize_t sent = ::send(agent_fd, frame.data(), frame.size(), MSG_NOSIGNAL);
  ::_exit(exit_code::kFailure);
}

// The kernel hands a process whose parent has ended to the nearest subreaper above it: the supervisor, while it lives.
void wait_for_adoption(pid_t middle, pid_t supervisor) {
  while (::getppid() == middle) ::sched_yield();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != supervisor) ::_exit(exit_code::kFailure);
}

class ForkServer {
 public:
  explicit ForkServer(UniqueFd socket) : socket_(std::move(socket)), supervisor_(::getppid()) {
    // What the initialisers print has no rank to go to; the agent's log keeps it.
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    // A crash while the program is loaded is repeated, and kept, by the rank that is executed instead.
    ::getrlimit(RLIMIT_CORE, &core_limit_);
    const rlimit none{0, core_limit_.rlim_max};
    ::setrlimit(RLIMIT_CORE, &none);
  }

  int run(const std::string& program) {
    frames::ForkServerReady ready;
    preload_cuda_library();
    if (const auto loaded = load_program(program); !loaded.ok()) {
      ready.refusal = loaded.error().message();
    } else {
      warm_up();
      ready.refusal = why_not_to_fork(socket_.get());
    }
    Status status = send(ready);
    while (status.ok()) status = serve();
    return exit_code::kSuccess;  // the supervisor has closed its end
  }

 private:
  Status send(const frames::ForkServerMessage& message) {
    return frames::send_packet(socket_.get(), frames::encode(message));
  }

  /// What the process between says to the fork server.
  struct Outcome {
    pid_t pid;
    int error_number;
  };

  Status serve() {
    FABRIC_ASSIGN_OR_RETURN(frames::DescriptorPacket packet, frames::receive_packet(socket_.get()));
    FABRIC_ASSIGN_OR_RETURN(frames::ForkRank request, frames::decode<frames::ForkRank>(packet.payload));
    if (packet.descriptors.size() != kNumRankDescriptors) return invalid_argument("a rank needs four descriptors");
    RankToFork rank{std::move(request), std::move(packet.descriptors)};
    frames::RankForked answer{rank.request.id, fork_twice(rank), {}};
    if (answer.pid < 0) answer.error = errno_status(errno, "fork a rank").message();
    return send(answer);
  }

  // Returns the rank's process id, or -1 with errno set. The process between ends at once, so that the rank becomes the
  // supervisor's child.
  pid_t fork_twice(RankToFork& rank) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
    UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    const pid_t middle = ::fork();
    if (middle < 0) return -1;
    if (middle == 0) {
      read_end.reset();
      fork_rank(rank, std::move(write_end));
    }
    write_end.reset();
    Outcome outcome{-1, ECHILD};
    [[maybe_unused]] const ssize_t got = ::read(read_end.get(), &outcome, sizeof outcome);
    ::waitpid(middle, nullptr, 0);
    errno = outcome.error_number;
    return outcome.pid;
  }

  [[noreturn]] void fork_rank(RankToFork& rank, UniqueFd outcome_pipe) {
    const pid_t middle = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) {
      outcome_pipe.reset();
      run_rank(rank, middle);
    }
    const Outcome outcome{pid, errno};
    if (pid > 0) ::setpgid(pid, pid);  // before anybody hears of it, who might signal the group
    [[maybe_unused]] const ssize_t written = ::write(outcome_pipe.get(), &outcome, sizeof outcome);
    ::_exit(0);
  }

  [[noreturn]] void run_rank(RankToFork& rank, pid_t middle) {
    wait_for_adoption(middle, supervisor_);
    socket_.reset();
    ::setrlimit(RLIMIT_CORE, &core_limit_);
    const int agent_fd = rank.descriptors[kAgent].release();
    const int crash_fd = rank.descriptors[kCrash].release();
    if (const char* const action = become_rank(rank)) tell_and_exit(agent_fd, action);
    rank.descriptors.clear();
    const int code = fabric_worker_main(agent_fd, crash_fd);
    std::fflush(nullptr);
    ::_exit(code);  // see fabric-worker's main
  }

  UniqueFd socket_;
  pid_t supervisor_;
  rlimit core_limit_{};
};

}  // namespace
}  // namespace fabric

int fabric_fork_server_main(int server_fd, const char* program) {
  ::fcntl(server_fd, F_SETFD, FD_CLOEXEC);
  fabric::ForkServer server{fabric::UniqueFd(server_fd)};
  return server.run(program);
}
