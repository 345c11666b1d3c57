#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/agent_messages.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/status.h"
#include "core/unique_fd.h"
#include "process/event_loop.h"
#include "rendezvous/events.h"
#include "rendezvous/journal.h"
#include "rendezvous/settings.h"

namespace fabric::control {

/// Runs the coordinator of one job: gives it what agents say and the time, and does what it decides. Everything but
/// gRPC's own threads happens on the loop; create it, call it and destroy it there.
class CoordinatorHost {
 public:
  using Fields = rendezvous::Fields;
  /// Called on the loop.
  struct Callbacks {
    /// An event for events.jsonl; the names are listed in docs/.
    std::function<void(const std::string& event, const Fields&)> record;
    /// Output of a rank. Must not block: heartbeats wait behind it.
    std::function<void(const LogLines&)> log_lines;
    /// Called once. The agents have been sent Shutdown; wait for their end before the host is destroyed, or they may not
    /// get it.
    std::function<void(rendezvous::JobOutcome)> finished;
    /// Where a rank is: the coordinator's own events tell of its phases, but not of its steps. May be empty.
    std::function<void(const RankProgress&)> progress = nullptr;
    /// Writes a line to the journal of the job; once it returns ok, the line must outlast a crash of the machine (JournalFile
    /// does). An error ends the job: nothing may be done that could be forgotten. May be empty: the job ends with its launcher.
    std::function<Status(const std::string& line)> write_journal = nullptr;
    /// A line for what the coordinator is made from, then one for each event that it is given: with rendezvous/event_log.h its
    /// life can be replayed. May be empty.
    std::function<void(const std::string& line)> log_event = nullptr;
  };

  /// Starts the rendezvous; its timeout counts from here. `loop`, `log` and `clock` are borrowed. `journal` is what a
  /// coordinator of this job has left that crashed; empty for a new job. kInvalidArgument if `settings` are not valid.
  static Result<std::unique_ptr<CoordinatorHost>> create(rendezvous::Settings settings, process::EventLoop& loop,
                                                         Log& log, const Clock& clock, Callbacks callbacks,
                                                         const rendezvous::Journal& journal = {});
  /// Ends all connections; what was not sent yet is lost.
  ~CoordinatorHost();
  CoordinatorHost(const CoordinatorHost&) = delete;
  CoordinatorHost& operator=(const CoordinatorHost&) = delete;

  /// Serves the agent at the other end of `socket`, a connected stream socket whose peer the caller answers for.
  Status adopt_agent(UniqueFd socket);
  /// Says that an agent and all of its ranks are gone, as whoever started it knows: its lease need not be waited for.
  void report_gone(const AgentId& agent, const std::string& reason);
  /// Ends the job: at a step that its ranks agree on, or after the grace period where they have none; at once if `immediate`,
  /// also where an earlier request still waits. It ends with `exit_code` unless its ranks ended well or saved their state.
  void request_stop(const std::string& reason, int exit_code, bool immediate);
  /// Passes a signal on to those ranks that have a handler for it.
  void signal_ranks(int signal);

 private:
  class Impl;
  explicit CoordinatorHost(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;  // calls that were posted to the loop before the end look at it through weak pointers
};

}  // namespace fabric::control
