#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/generation_plan.h"
#include "core/status.h"
#include "core/unique_fd.h"
#include "process/child.h"
#include "process/event_loop.h"
#include "process/log_file.h"
#include "process/log_tail.h"
#include "process/output_pump.h"

namespace fabric::launcher {

/// The fabric-agent of this node, a child of fabric-run that the kernel kills if fabric-run dies. Loop's thread only.
class LocalAgent {
 public:
  struct Options {
    std::string program;                   ///< path of fabric-agent
    std::string agent_id;                  ///< see is_valid_name()
    std::string node_name;                 ///< of its node in reports; empty: the name of the host
    std::vector<int> cores;                ///< that the agent and all that it starts may run on; empty: as inherited
    std::string log_path;                  ///< gets what the agent writes to stderr
    std::string log_level;                 ///< "warning" or "debug"
    std::vector<std::string> environment;  ///< "NAME=value"; the whole of it
    GenerationPlan common_plan;            ///< what all generations have in common, to be ready for them early
  };
  struct Callbacks {
    /// Whole lines of the agent's own log.
    std::function<void(std::string_view)> text;
    /// The agent has ended and all its text has come; called once.
    std::function<void()> ended;
  };

  /// Returns the words that start the agent.
  static std::vector<std::string> command(const Options& options);
  /// Starts the agent and returns once its exec has succeeded.
  static Result<std::unique_ptr<LocalAgent>> start(process::EventLoop& loop, const Options& options,
                                                   Callbacks callbacks);

  /// Gives up the socket that leads to the agent; the coordinator speaks first on it. Call it once.
  UniqueFd take_socket() { return std::move(socket_); }
  /// Returns how it ended, for people: "fabric-agent (pid 12) was killed by SIGKILL", with its last lines; empty while it
  /// runs and after a good end.
  std::string failure() const;
  int pid() const { return process_->pid(); }
  const std::string& id() const { return id_; }
  bool has_ended() const { return is_reaped_ && is_closed_; }
  /// Ends the agent at once; its supervisor sees to the ranks.
  void kill() { process_->signal_group(SIGKILL); }

 private:
  LocalAgent(process::EventLoop& loop, Callbacks callbacks) : loop_(loop), callbacks_(std::move(callbacks)) {}
  Status start_process(const Options& options);
  Status watch(const std::string& log_path);
  void on_exit(process::ChildExit exit);
  void end_if_done();

  process::EventLoop& loop_;
  std::string id_;
  Callbacks callbacks_;
  std::unique_ptr<process::Child> process_;
  UniqueFd socket_;
  std::unique_ptr<process::LogFile> log_file_;
  std::unique_ptr<process::OutputPump> pump_;
  process::LogTail tail_;
  process::ChildExit exit_;
  bool is_reaped_ = false;
  bool is_closed_ = false;
};

}  // namespace fabric::launcher
