#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "local_agent.h"
#include "process/event_loop.h"

namespace fabric::launcher {

/// The agents of the nodes that are this machine: one for each, and another one for a node whose agent ends while others run.
/// Loop's thread only.
class LocalAgents {
 public:
  struct Callbacks {
    /// Returns how the next agent of a node is started.
    std::function<LocalAgent::Options(size_t node)> options;
    /// An agent runs; its socket is there to be taken. An error ends that agent.
    std::function<Status(LocalAgent& agent)> started;
    /// Whole lines of an agent's own log.
    std::function<void(std::string_view)> text;
    /// An agent has ended, and all its text has come.
    std::function<void(const LocalAgent& agent)> ended;
    /// Another agent cannot be started; it is tried again.
    std::function<void(const Status&)> failed;
  };

  LocalAgents(process::EventLoop& loop, size_t num_nodes, Callbacks callbacks);
  LocalAgents(const LocalAgents&) = delete;
  LocalAgents& operator=(const LocalAgents&) = delete;
  ~LocalAgents();

  /// Starts an agent for each node. Fails with the first that cannot be started.
  Status start();
  /// Calls `started` for those agents, which have begun to get ready before there was anybody to take their sockets.
  Status introduce();
  /// From now on no agent is started.
  void retire();
  /// Ends all agents at once; their supervisors see to the ranks.
  void kill();

  /// Returns whether no agent runs.
  bool have_ended() const;
  /// Returns the process ids of those that run.
  std::vector<pid_t> pids() const;

 private:
  struct Node {
    std::unique_ptr<LocalAgent> agent;
    Nanoseconds pause{0};  ///< before the next one
    TimePoint started_at;
    process::TimerId timer;
  };

  Status start(size_t number);
  void start_again(size_t number);
  void on_ended(size_t number);

  process::EventLoop& loop_;
  Callbacks callbacks_;
  std::vector<Node> nodes_;
  bool is_retired_ = false;
};

}  // namespace fabric::launcher
