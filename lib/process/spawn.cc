#include "process/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "process/pipe.h"

namespace fabric::process {
namespace {

enum class Step : int { kGroup, kParent, kSetup, kDescriptors, kTerminal, kExec };

// What the child tells the parent before it gives up; an exec that succeeds closes the pipe instead.
struct Failure {
  Step step = Step::kExec;
  int error_number = 0;
  SetupStep setup = SetupStep::kNone;  // the part of kSetup that failed
};

// Everything that the child needs, made before the fork: after it only async-signal-safe calls are allowed, since other
// threads of the parent may have held locks.
struct Prepared {
  std::vector<char*> argv;
  std::vector<char*> environment;
  const ProcessSetup* setup = nullptr;
  std::vector<InheritedFd> descriptors;  // sources lie above all targets, so that no dup2 overwrites one
  std::vector<UniqueFd> sources;
  UniqueFd failure_pipe;
  pid_t parent = 0;
  bool dies_with_parent = true;
  bool has_terminal = false;
};

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Result<UniqueFd> copy_above(int fd, int least) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, least));
  if (!copy) return errno_status(errno, concat("copy descriptor ", fd));
  return copy;
}

Result<UniqueFd> open_device(const char* path) {
  UniqueFd device(::open(path, O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!device) return errno_status(errno, concat("open '", path, "'"));
  return device;
}

// Returns the child's end of a stream, and puts the parent's into `parent_end`.
Result<UniqueFd> open_stream(ChildStream kind, int own_fd, UniqueFd& parent_end) {
  if (kind == ChildStream::kInherit) return copy_above(own_fd, 3);
  if (kind == ChildStream::kNull) return open_device("/dev/null");
  FABRIC_ASSIGN_OR_RETURN(Pipe pipe, make_output_pipe());
  parent_end = std::move(pipe.read_end);
  return std::move(pipe.write_end);
}

Status add_descriptor(Prepared& prepared, int fd, int number, int least) {
  FABRIC_ASSIGN_OR_RETURN(UniqueFd source, copy_above(fd, least));
  prepared.descriptors.push_back({source.get(), number});
  prepared.sources.push_back(std::move(source));
  return ok_status();
}

Status prepare_terminal(Prepared& prepared, int least) {
  FABRIC_ASSIGN_OR_RETURN(const UniqueFd terminal, open_device("/dev/tty"));
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    FABRIC_RETURN_IF_ERROR(add_descriptor(prepared, terminal.get(), number, least));
  return ok_status();
}

Status prepare_streams(const ChildOptions& options, Prepared& prepared, SpawnedProcess& spawned, int least) {
  if (options.has_terminal) return prepare_terminal(prepared, least);
  UniqueFd unused;
  FABRIC_ASSIGN_OR_RETURN(const UniqueFd in, open_stream(ChildStream::kNull, STDIN_FILENO, unused));
  FABRIC_ASSIGN_OR_RETURN(const UniqueFd out, open_stream(options.stdout_to, STDOUT_FILENO, spawned.stdout_pipe));
  FABRIC_ASSIGN_OR_RETURN(const UniqueFd err, open_stream(options.stderr_to, STDERR_FILENO, spawned.stderr_pipe));
  FABRIC_RETURN_IF_ERROR(add_descriptor(prepared, in.get(), STDIN_FILENO, least));
  FABRIC_RETURN_IF_ERROR(add_descriptor(prepared, out.get(), STDOUT_FILENO, least));
  return add_descriptor(prepared, err.get(), STDERR_FILENO, least);
}

Status prepare_descriptors(const ChildOptions& options, Prepared& prepared, SpawnedProcess& spawned) {
  int least = 3;
  for (const InheritedFd& fd : options.inherit) least = std::max(least, fd.number + 1);
  FABRIC_RETURN_IF_ERROR(prepare_streams(options, prepared, spawned, least));
  for (const InheritedFd& fd : options.inherit) {
    FABRIC_RETURN_IF_ERROR(add_descriptor(prepared, fd.fd, fd.number, least));
  }
  FABRIC_ASSIGN_OR_RETURN(prepared.failure_pipe, copy_above(prepared.failure_pipe.get(), least));
  return ok_status();
}

[[noreturn]] void give_up(const Prepared& prepared, Step step, SetupStep setup = SetupStep::kNone) {
  const Failure failure{step, errno, setup};
  [[maybe_unused]] const ssize_t written = ::write(prepared.failure_pipe.get(), &failure, sizeof failure);
  ::_exit(127);
}

void reset_signals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &action, nullptr);  // SIGKILL and some others fail
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// A process in the background is stopped (SIGTTOU) if it does this, unless it blocks the signal.
bool come_to_foreground() {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTTOU);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  const bool done = ::tcsetpgrp(STDIN_FILENO, ::getpid()) == 0;
  const int error_number = errno;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  errno = error_number;
  return done;
}

[[noreturn]] void become_program(const Prepared& prepared) {
  reset_signals();
  if (::setpgid(0, 0) != 0) give_up(prepared, Step::kGroup);
  if (prepared.dies_with_parent) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(prepared, Step::kParent);
    if (::getppid() != prepared.parent) ::_exit(127);  // it died before the signal was set
  }
  const SetupStep failed = apply(*prepared.setup);
  if (failed != SetupStep::kNone) give_up(prepared, Step::kSetup, failed);
  if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) give_up(prepared, Step::kDescriptors);
  for (const InheritedFd& fd : prepared.descriptors) {
    if (::dup2(fd.fd, fd.number) < 0) give_up(prepared, Step::kDescriptors);
  }
  if (prepared.has_terminal && !come_to_foreground()) give_up(prepared, Step::kTerminal);
  ::execve(prepared.argv[0], prepared.argv.data(), prepared.environment.data());
  give_up(prepared, Step::kExec);
}

std::string action_of(const Failure& failure, const ChildOptions& options) {
  std::string start = concat("start program '", options.program, "'");
  if (failure.step == Step::kExec) return start;
  if (failure.step == Step::kSetup) return concat(start, " (", describe(failure.setup, options.setup), ")");
  const bool is_descriptors = failure.step == Step::kDescriptors;
  const char* const part = is_descriptors                    ? "descriptors"
                           : failure.step == Step::kTerminal ? "terminal"
                                                             : "process group";
  return concat(start, " (setting up its ", part, ")");
}

Status wait_for_exec(int pipe, const ChildOptions& options) {
  pollfd poll_fd{pipe, POLLIN, 0};
  const auto timeout_ms = std::chrono::duration_cast<std::chrono::milliseconds>(options.exec_timeout).count();
  int ready = 0;
  do {
    ready = ::poll(&poll_fd, 1, static_cast<int>(timeout_ms));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) {
    return deadline_exceeded(concat("program '", options.program, "' must start within ", timeout_ms,
                                    " ms, but it did not; check the file system that it lies on"));
  }
  Failure failure;
  const ssize_t got = ::read(pipe, &failure, sizeof failure);
  if (got != static_cast<ssize_t>(sizeof failure)) return ok_status();  // end of file: exec has closed it
  return errno_status(failure.error_number, action_of(failure, options));
}

pid_t fork_blocked(const Prepared& prepared) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // the parent's handlers must not run in the child
  const pid_t pid = ::_Fork();                    // no atfork handlers: the child only execs
  if (pid == 0) become_program(prepared);
  const int fork_errno = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = fork_errno;
  return pid;
}

}  // namespace

Result<SpawnedProcess> spawn_process(const ChildOptions& options) {
  SpawnedProcess spawned;
  Prepared prepared;
  std::vector<std::string> arguments = {options.program};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  prepared.argv = pointers_to(arguments);
  prepared.environment = pointers_to(options.environment);
  prepared.setup = &options.setup;
  prepared.parent = ::getpid();
  prepared.dies_with_parent = options.dies_with_parent;
  prepared.has_terminal = options.has_terminal;
  FABRIC_ASSIGN_OR_RETURN(Pipe failure, make_pipe());
  prepared.failure_pipe = std::move(failure.write_end);
  FABRIC_RETURN_IF_ERROR(prepare_descriptors(options, prepared, spawned));

  spawned.pid = fork_blocked(prepared);
  if (spawned.pid < 0) return errno_status(errno, concat("fork for program '", options.program, "'"));
  prepared.failure_pipe.reset();
  prepared.sources.clear();
  if (Status status = wait_for_exec(failure.read_end.get(), options); !status.ok()) {
    ::kill(spawned.pid, SIGKILL);
    // A process that hangs in the kernel cannot be waited for; it is reaped with the adopted ones, or by init.
    ::waitpid(spawned.pid, nullptr, status.code() == StatusCode::kDeadlineExceeded ? WNOHANG : 0);
    return status;
  }
  return spawned;
}

}  // namespace fabric::process
