#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/agent_messages.h"
#include "frames/messages.h"
#include "process/core_placement.h"
#include "rank_environment.h"
#include "rank_process.h"

namespace fabric::agent {

/// What a generation needs of its supervisor; all called on the loop.
struct GenerationPort {
  std::function<void(AgentMessage)> send;
  std::function<bool()> has_room_for_log_lines;
  std::function<void(int local_rank, frames::StoreCall)> store_call;
  /// Returns children of the supervisor that belong to no generation and must live on.
  std::function<std::vector<int>()> other_children;
  /// Called once, last: all ranks are reported and no descendant of theirs is left. May destroy the generation.
  std::function<void()> stopped;
};

/// The ranks of one generation on this node. Loop's thread only.
class Generation final : public RankObserver {
 public:
  /// Starts nothing yet. `context` is borrowed; `cores` has an entry for each rank of the plan.
  Generation(const RankContext& context, GenerationPlan plan, std::vector<process::RankCores> cores,
             GenerationPort port);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;
  ~Generation() override;

  /// Starts all ranks. `inherited` is the agent's environment.
  void start(const Environment& inherited);
  /// Ends all ranks: SIGTERM, then SIGKILL after `grace`; SIGKILL at once if it is 0. May be called again with less.
  void stop(Nanoseconds grace, const std::string& reason);
  /// Asks each rank where it can stop; RankReached of each that is there follows.
  void ask_steps();
  /// Lets the ranks go on to the end of `step`.
  void limit_steps(int64_t step);
  /// Sends a signal to those ranks that have a handler for it, and says to how many.
  void signal_ranks(int signal_number);
  /// Carries an answer of the store to its rank, if that is still there.
  void reply(int local_rank, const frames::StoreReply& reply);

  GenerationId id() const { return plan_.generation; }
  /// Returns the ids of the ranks' processes that have not been reaped.
  std::vector<int> pids() const;

 private:
  void on_progress(const RankProgress& progress) override { port_.send(progress); }
  void on_reached(const RankReached& reached) override { port_.send(reached); }
  bool has_room_for_log_lines() override { return port_.has_room_for_log_lines(); }
  void on_log_lines(LogLines lines) override { port_.send(std::move(lines)); }
  void on_store_call(int local_rank, frames::StoreCall call) override { port_.store_call(local_rank, std::move(call)); }
  void on_exited(const ExitReport& report) override;
  void kill_ranks();
  void end_descendants();
  Assignment assignment_of(size_t local_rank) const;

  const RankContext& context_;
  GenerationPlan plan_;
  std::vector<process::RankCores> cores_;  // by local rank
  GenerationPort port_;
  std::vector<std::unique_ptr<RankProcess>> ranks_;  // by local rank
  size_t ranks_left_ = 0;
  std::string stop_reason_;
  process::TimerId timer_;  // end of the grace period, then the rounds that end descendants
  TimePoint give_up_at_;    // of those rounds
};

}  // namespace fabric::agent
