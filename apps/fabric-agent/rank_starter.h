#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "core/unique_fd.h"
#include "process/child.h"

namespace fabric::agent {

/// Descriptors under which a worker finds its connection to the supervisor and its crash file.
inline constexpr int kWorkerAgentFd = 3;
inline constexpr int kWorkerCrashFd = 4;

/// What the process of a rank starts with. All else reaches it as frames.
struct RankLaunch {
  std::vector<std::string> environment;  ///< "NAME=value"; the whole of it
  std::string working_directory;         ///< empty: the agent's
};

/// The process of a rank, and the supervisor's ends of what connects them.
struct StartedRank {
  std::unique_ptr<process::Child> process;
  UniqueFd socket;      ///< stream of frames
  UniqueFd crash_file;  ///< memfd in which a crashing worker leaves its raw stack
  UniqueFd stdout_pipe;
  UniqueFd stderr_pipe;
};

/// Makes the processes of ranks. Loop's thread only.
class RankStarter {
 public:
  virtual ~RankStarter() = default;
  /// Starts one rank and calls `done` once, on the loop, perhaps before start() returns. A failure names what could not
  /// be started and why.
  virtual void start(const RankLaunch& launch, std::function<void(Result<StartedRank>)> done) = 0;
};

}  // namespace fabric::agent
