#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/agent_messages.h"
#include "core/exit_report.h"
#include "core/generation_plan.h"
#include "core/log.h"
#include "core/store_messages.h"
#include "frame_channel.h"
#include "frames/messages.h"
#include "log_forwarder.h"
#include "memory_killer.h"
#include "process/child.h"
#include "process/event_loop.h"
#include "process/log_file.h"
#include "process/log_tail.h"
#include "process/output_pump.h"
#include "rank_end.h"
#include "rank_starter.h"
#include "rank_state.h"

namespace fabric::agent {

/// How long a rank may take for what it must do.
struct RankLimits {
  /// From its start to its first frame, which a worker sends before it loads anything.
  Nanoseconds hello = std::chrono::minutes(5);
  /// From the end of its connection to its exit.
  Nanoseconds exit_after_close = std::chrono::seconds(30);
  /// From its good exit to the end of its output; a descendant may hold the pipes, and write on. The output of one that
  /// failed ends with what it has written.
  Nanoseconds drain = std::chrono::seconds(1);
  /// Least time between two reported steps of a rank; those between are not reported.
  Nanoseconds step_interval = std::chrono::milliseconds(50);
  LogLimits logs;
};

/// What ranks use of their agent. All borrowed, they outlive the ranks.
struct RankContext {
  process::EventLoop& loop;
  Log& log;
  RankStarter& starter;
  std::string hostname;
  RankLimits limits;
  NodeFiles node_files;
};

/// Hears what ranks do, on the loop.
class RankObserver {
 public:
  virtual ~RankObserver() = default;
  virtual void on_progress(const RankProgress& progress) = 0;
  virtual void on_reached(const RankReached& reached) = 0;
  /// Asked before each on_log_lines(); if it returns false the lines are counted as dropped instead.
  virtual bool has_room_for_log_lines() = 0;
  virtual void on_log_lines(LogLines lines) = 0;
  virtual void on_store_call(int local_rank, frames::StoreCall call) = 0;
  /// The last call for a rank: its process is reaped and its files are closed. May not destroy the rank.
  virtual void on_exited(const ExitReport& report) = 0;
};

/// One rank of a generation, from its start to its report. Loop's thread only.
class RankProcess {
 public:
  /// Starts nothing yet. `context` and `observer` are borrowed.
  RankProcess(const RankContext& context, const Assignment& assignment, RankObserver& observer);
  RankProcess(const RankProcess&) = delete;
  RankProcess& operator=(const RankProcess&) = delete;
  ~RankProcess();

  /// Starts the process. Whatever goes wrong ends in on_exited(), perhaps before start() returns.
  void start(const RankLaunch& launch);
  /// Asks where the rank can stop; on_reached() is the answer, at once for a rank that has not begun. One that has ended, or
  /// is about to, does not answer.
  void ask_step();
  /// Lets the rank go on to the end of `step`, after ask_step().
  void limit_steps(int64_t step);
  /// Sends a signal to the rank's own process if it has a handler for it, and returns whether it has.
  bool signal_if_caught(int signal_number);
  /// Asks the rank's process group to end (SIGTERM); a rank that waits for the end of its steps waits no longer.
  void terminate();
  /// Ends the rank's process group (SIGKILL). `reason` goes into its report.
  void kill(const std::string& reason);
  /// Answers a call of on_store_call(); dropped if the rank has ended.
  void reply(const frames::StoreReply& reply);

  bool is_gone() const { return state_ == RankState::kGone; }
  /// Returns the process id, 0 if there is no process or it has been reaped.
  int pid() const { return process_ != nullptr && !process_->is_reaped() ? process_->pid() : 0; }

 private:
  enum Stream : uint8_t { kStdout, kStderr };

  bool advance(RankEvent event);
  void on_started(Result<StartedRank> started);
  Status open_log();
  Status adopt(StartedRank started);
  Status start_pump(Stream stream, UniqueFd pipe);
  void on_frame(std::string_view payload);
  void on_message(const frames::WorkerHello& hello);
  void on_message(const frames::WorkerReady& ready);
  void on_message(const frames::WorkerStep& step);
  void on_message(const frames::WorkerReached& reached);
  void on_message(frames::WorkerFailure& failure);
  void on_message(const frames::WorkerReturned& returned);
  void on_message(frames::StoreCall& call);
  void on_socket_closed(const Status& status);
  void on_text(Stream stream, std::string_view text);
  void on_exit(process::ChildExit exit);
  void on_pump_closed(Stream stream);
  /// Ends a rank that does what it must not: its report names `fault` and is not "killed by us".
  void fail(std::string fault);
  void set_patience(Nanoseconds delay, std::string fault);
  void report_progress(RankPhase phase);
  void report_step();
  void report_exit();
  void find_evidence();

  const RankContext& context_;
  Assignment assignment_;
  RankObserver& observer_;
  RankState state_ = RankState::kStarting;
  std::unique_ptr<process::Child> process_;
  std::unique_ptr<FrameChannel> channel_;
  UniqueFd crash_file_;
  std::unique_ptr<process::LogFile> log_file_;
  process::LogTail tail_;
  LogForwarder forwarder_;
  std::array<std::unique_ptr<process::OutputPump>, 2> pumps_;
  process::TimerId deadline_;
  process::TimerId step_timer_;
  int64_t reported_step_ = -1;
  bool is_asked_ = false;  // where it can stop
  std::string working_directory_;
  int64_t start_wall_ns_ = 0;
  MemoryKills memory_kills_;  // at its start
  RankEnd end_;
  ExitReport report_;
};

}  // namespace fabric::agent
