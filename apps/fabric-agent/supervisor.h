#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "accelerator_probe.h"
#include "core/agent_messages.h"
#include "core/log.h"
#include "frame_channel.h"
#include "frames/messages.h"
#include "generation.h"
#include "node_probe.h"
#include "rank_environment.h"
#include "rank_process.h"
#include "rank_starter.h"

namespace fabric::agent {

/// What a supervisor is told when it begins.
struct SupervisorOptions {
  AgentId agent;
  std::string node_name;  ///< in reports; empty: the name of the host
  std::string worker;     ///< path of fabric-worker, for the probe of accelerators
  Environment inherited;  ///< the agent's environment
  NodeFiles node_files;
  std::string nvidia_control = "/dev/nvidiactl";
  RankLimits limits;
  /// What all generations will have in common, for whatever can be made ready before the first one; no ranks in it.
  std::optional<GenerationPlan> common_plan;
};

/// The half of an agent that owns the ranks of a node. It tells the coordinator, by way of its link, what happens to
/// them, and does what the coordinator says. One thread, one loop, no locks. The process must be a subreaper.
class Supervisor {
 public:
  /// Begins at once: connects to the link through `link_socket` and probes the node, then says Join. All references are
  /// borrowed and must outlive the supervisor.
  static Result<std::unique_ptr<Supervisor>> create(process::EventLoop& loop, Log& log, RankStarter& starter,
                                                    SupervisorOptions options, UniqueFd link_socket);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor();

  /// Ends all ranks at once, says Goodbye and stops the loop; exit_code() is `exit_code` then. Later calls do nothing.
  void shut_down(int exit_code, const std::string& reason);
  /// Stops the loop now, with nobody to tell: the link is gone. The caller kills all descendants.
  void abandon(const std::string& reason);
  /// Reaps processes that ranks left and that have ended. Call it when a child has ended (SIGCHLD).
  void reap_orphans();

  int exit_code() const { return exit_code_; }

 private:
  struct OpenCall {
    GenerationId generation;
    int local_rank = 0;
    uint64_t id = 0;  ///< the worker's
  };

  Supervisor(process::EventLoop& loop, Log& log, RankStarter& starter, SupervisorOptions options);
  void join(Accelerators accelerators);
  void send(const AgentMessage& message);
  void on_frame(std::string_view payload);
  void on_message(const CoordinatorMessage& message);
  void on_message(const frames::StoreReply& reply);
  void on_message(const frames::LeaseExtended& lease);
  void on_order(const StartGeneration& order);
  void on_order(const AskSteps& order);
  void on_order(const StopAtStep& order);
  void on_order(const SignalRanks& order);
  void on_order(const StopGeneration& order);
  void on_order(const Shutdown& order);
  template <class Other>
  void on_order(const Other&) {}  // Welcome and HeartbeatAck are the link's
  void start_generation(GenerationPlan plan);
  bool runs(GenerationId generation) const { return generation_ != nullptr && generation_->id() == generation; }
  std::vector<process::RankCores> place_ranks(const GenerationPlan& plan);
  void drop_next_plan();
  void on_generation_stopped();
  void forward_store_call(int local_rank, frames::StoreCall call);
  void on_lease_lapsed();
  void finish();
  std::vector<int> other_children() const;

  process::EventLoop& loop_;
  Log& log_;
  SupervisorOptions options_;
  RankContext context_;
  std::vector<AcceleratorReport> accelerators_;  // of the node, once they are known
  std::unique_ptr<FrameChannel> link_;
  std::unique_ptr<AcceleratorProbe> probe_;
  std::unique_ptr<Generation> generation_;   // the one that runs or ends
  std::optional<GenerationPlan> next_plan_;  // starts when that has stopped
  GenerationId newest_;                      // of those that were ordered
  uint64_t next_call_id_ = 1;
  std::unordered_map<uint64_t, OpenCall> open_calls_;
  std::optional<TimePoint> lease_until_;  // none: the coordinator has given no lease
  process::TimerId lease_timer_;
  process::TimerId reap_timer_;
  bool shutting_down_ = false;
  int exit_code_ = 0;
  std::string goodbye_;
};

}  // namespace fabric::agent
