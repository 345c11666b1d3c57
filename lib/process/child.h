#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/process_setup.h"
#include "core/status.h"
#include "core/unique_fd.h"

namespace fabric::process {

class EventLoop;

/// Where a standard stream of a child goes.
enum class ChildStream : uint8_t {
  kInherit,  ///< where the parent's goes
  kPipe,     ///< to a pipe whose other end the parent takes from Child
  kNull,     ///< nowhere
};

/// A descriptor of the parent, and the number under which the child finds it.
struct InheritedFd {
  int fd = -1;      ///< borrowed until spawn() returns; may be O_CLOEXEC
  int number = -1;  ///< 3 or more, each number once
};

/// What to start and with what. The child gets stdin from nowhere unless it has the terminal, no descriptor that is not named here, an empty signal
/// mask, default signal actions, and a process group of its own.
struct ChildOptions {
  std::string program;                   ///< path of the executable; no search in PATH, never a shell
  std::vector<std::string> arguments;    ///< without the program's name
  std::vector<std::string> environment;  ///< "NAME=value"; the whole of it
  ProcessSetup setup;                    ///< working directory, cores, limits
  std::vector<InheritedFd> inherit;
  ChildStream stdout_to = ChildStream::kInherit;
  ChildStream stderr_to = ChildStream::kInherit;
  /// Whether stdin, stdout and stderr are the controlling terminal of this process, which the child's group then has in the
  /// foreground; stdout_to and stderr_to do not count.
  bool has_terminal = false;
  /// Whether the kernel kills the child when the *thread* that spawned it ends.
  bool dies_with_parent = true;
  /// How long exec may take (a hung file system) before the child is killed and spawn() fails.
  Nanoseconds exec_timeout = std::chrono::seconds(30);
};

/// How a child ended.
struct ChildExit {
  int exit_code = 0;  ///< 0 .. 255; meaningless when `signal` is not 0
  int signal = 0;     ///< number of the signal that ended it, or 0
  bool core_dumped = false;
  bool ok() const { return exit_code == 0 && signal == 0; }
};

/// Returns what follows the child's name: "was killed by SIGKILL", "ended with exit code 3".
std::string describe(ChildExit exit);

/// A child process, the leader of its own process group. Its exit is seen through a pidfd. Loop's thread only.
class Child {
 public:
  using ExitCallback = std::function<void(ChildExit)>;

  /// Starts a program and returns when its exec has succeeded. Blocks for that long (about a millisecond). Safe in a
  /// process with threads. Fails with the errno of the step that failed, the message naming program and step.
  static Result<std::unique_ptr<Child>> spawn(const ChildOptions& options);
  /// Takes over a process that another one has made, and that must be a child of this process and lead its own process
  /// group by now. Fails if it is no process any more.
  static Result<std::unique_ptr<Child>> adopt(int pid);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  /// Kills the group and reaps the child if that has not happened. Waits for 2 seconds at most: a child that hangs in
  /// the kernel is left to whoever reaps orphans.
  ~Child();

  /// Calls `callback` on the loop, once, when the child has ended; what is left of its group is killed and the child is
  /// reaped before that. `callback` may destroy the Child. The loop is borrowed. Call it once.
  Status watch(EventLoop& loop, ExitCallback callback);
  /// Sends a signal to all of the child's process group; nothing happens once the child is reaped.
  void signal_group(int signal_number);

  /// Sends a signal to the child alone; nothing happens once it is reaped.
  void signal(int signal_number);

  int pid() const { return pid_; }
  bool is_reaped() const { return reaped_; }
  /// Returns whether the process has ended, be it reaped or not: a signal that is sent now is not what ended it.
  bool has_ended() const { return reaped_ || wait_for_exit(Nanoseconds(0)); }
  /// Give up the parent's ends of the pipes: non-blocking, none unless the stream is kPipe, or if taken.
  UniqueFd take_stdout() { return std::move(stdout_); }
  UniqueFd take_stderr() { return std::move(stderr_); }

 private:
  Child(int pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  ChildExit reap();
  bool wait_for_exit(Nanoseconds bound) const;

  int pid_;
  UniqueFd pidfd_;
  UniqueFd stdout_;
  UniqueFd stderr_;
  EventLoop* loop_ = nullptr;
  bool reaped_ = false;
};

}  // namespace fabric::process
