#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/status.h"
#include "core/unique_fd.h"
#include "process/child.h"
#include "rank_launch.h"

namespace fabric::agent {

/// The process of a rank, and the supervisor's ends of what connects them.
struct StartedRank {
  std::unique_ptr<process::Child> process;
  UniqueFd socket;       ///< stream of frames
  UniqueFd crash_file;   ///< memfd in which a crashing worker leaves its raw stack
  UniqueFd stdout_pipe;  ///< none if the rank has the terminal
  UniqueFd stderr_pipe;
};

/// Makes the processes of ranks. Loop's thread only.
class RankStarter {
 public:
  using Done = std::function<void(Result<StartedRank>)>;

  virtual ~RankStarter() = default;
  /// Gets ready for ranks that start like `launch`. Does nothing unless overridden.
  virtual void prepare(const RankLaunch& launch);
  /// Starts one rank and calls `done` once, on the loop, perhaps before start() returns. A failure names what could not
  /// be started and why.
  virtual void start(const RankLaunch& launch, Done done) = 0;
  /// Returns children of this process that serve to start ranks and must live on.
  virtual std::vector<int> children() const { return {}; }
  /// Returns whether a child of this process may be a rank that has not been handed out yet: nobody else may reap it.
  virtual bool may_have_unknown_children() const { return false; }
};

/// Makes socket and crash file of a rank; returns the worker's end of the socket.
Result<UniqueFd> connect_rank(StartedRank& rank);

}  // namespace fabric::agent
