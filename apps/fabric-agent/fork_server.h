#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/status.h"
#include "core/unique_fd.h"
#include "frames/messages.h"
#include "process/child.h"
#include "process/event_loop.h"
#include "rank_environment.h"
#include "rank_starter.h"

namespace fabric::agent {

/// What a fork server has loaded. Ranks of another program, or with other variables, need another server.
struct ForkServerSpec {
  std::string worker;       ///< path of fabric-worker
  std::string program;      ///< the user's shared object
  Environment environment;  ///< the whole of it; libraries read it while they are loaded
  bool operator==(const ForkServerSpec&) const = default;
};

/// A process that has LibTorch and a program loaded, and forks ranks, which become children of this process, a subreaper
/// (`fabric-worker --forkserver`). Loop's thread only.
class ForkServer {
 public:
  struct Callbacks {
    /// All is loaded. `refusal` says why ranks must not be forked from it; empty if they may. May destroy the server.
    std::function<void(const std::string& refusal)> ready;
    /// Answers fork_rank().
    std::function<void(Result<StartedRank>)> forked;
    /// The process has ended, for the reason given; the last call. May destroy the server.
    std::function<void(process::ChildExit exit, const std::string& reason)> ended;
  };

  /// Starts the process. `loop` is borrowed and must outlive the server.
  static Result<std::unique_ptr<ForkServer>> start(process::EventLoop& loop, const ForkServerSpec& spec,
                                                   Callbacks callbacks);
  ForkServer(const ForkServer&) = delete;
  ForkServer& operator=(const ForkServer&) = delete;
  /// Kills the process.
  ~ForkServer();

  /// Asks for one rank; the next one may be asked for once `forked` has answered. `environment` is set over the server's.
  Status fork_rank(const Environment& environment, const ProcessSetup& setup);
  /// Kills the process; `ended` comes then, with `reason`.
  void kill(const std::string& reason);

  bool is_forking() const { return forking_.has_value(); }
  int pid() const { return process_->pid(); }

 private:
  ForkServer(process::EventLoop& loop, Callbacks callbacks) : loop_(loop), callbacks_(std::move(callbacks)) {}
  Status start_process(const ForkServerSpec& spec);
  void on_readable();
  void on_message(const frames::ForkServerReady& message);
  void on_message(const frames::RankForked& answer);
  void on_exit(process::ChildExit exit);

  process::EventLoop& loop_;
  Callbacks callbacks_;
  std::unique_ptr<process::Child> process_;
  UniqueFd socket_;
  std::optional<StartedRank> forking_;  // our ends of the rank that was asked for
  uint64_t last_id_ = 0;
  std::string kill_reason_;
};

}  // namespace fabric::agent
