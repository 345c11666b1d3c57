#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "rendezvous/events.h"
#include "rendezvous/journal.h"
#include "rendezvous/rules.h"
#include "rendezvous/settings.h"
#include "rendezvous/state.h"
#include "rendezvous/verdict.h"

namespace fabric::rendezvous {

/// Decides who runs what and when: a pure function (state, event) -> (state, actions). It reads no clock and does no
/// I/O; whoever hosts it performs the actions in order, and calls handle(Tick{}) at next_deadline(). One thread.
///
/// At any time the ranks of at most one generation are alive: the next one starts only when each agent of the last
/// one has confirmed that its ranks are gone, or lease + margin have passed since that agent was last acknowledged.
class Coordinator {
 public:
  /// `settings` must be valid.
  explicit Coordinator(Settings settings, Rules rules = {}) : settings_(std::move(settings)), rules_(rules) {}
  /// Returns after a crash, of which `journal` is left: with the next term, unless it is empty. Ranks of the last generation may
  /// be alive, so that one is stopped first: whoever comes back is told, the leases of the others are waited for.
  Coordinator(Settings settings, const Journal& journal, Rules rules = {});

  /// Takes one event that happened at `now`, which never goes back. The first one starts the rendezvous timeout.
  std::vector<Action> handle(const Event& event, TimePoint now);
  /// Returns when handle(Tick{}) is due, nullopt if nothing is waited for.
  std::optional<TimePoint> next_deadline() const;
  const State& state() const { return state_; }
  const Settings& settings() const { return settings_; }

 private:
  void on(const Tick&) {}
  void on(const AgentJoined& event);
  void on(const AgentLost& event);
  void on(const AgentGone& event);
  void on(const MessageFrom& event);
  void on(const StopRequested& event);
  void on(const SignalRequested& event);

  void on_message(const AgentId& agent, const Heartbeat& message);
  void on_message(const AgentId& agent, const RankProgress& message);
  void on_message(const AgentId& agent, const RankReached& message);
  void on_message(const AgentId& agent, const RankExited& message);
  void on_message(const AgentId& agent, const GenerationStopped& message);
  void on_message(const AgentId& agent, const RanksSignaled& message);
  void on_message(const AgentId& agent, const Goodbye& message);
  void on_message(const AgentId&, const Join&) {}
  void on_message(const AgentId&, const LogLines&) {}

  void begin();
  void handle_after_end(const Event& event);

  // What passes with time, and what follows from the state; called around each event.
  void expire_leases();
  void expire_step_stop();
  void expire_patience();
  void advance();
  void gather();
  void grow();
  void conclude();
  void finish_gathering_late();

  void forget_old_ranks();
  void start_generation();
  GenerationPlan plan_for(int node_rank, int num_nodes) const;
  void halt_generation(const std::string& reason);
  void agree_on_step();
  void forget_answer(int global_rank);
  void stop_generation(const std::string& reason, Nanoseconds grace);
  void close_store();
  void lose(const AgentId& agent, const std::string& reason, bool had_ranks);
  void forget_departed();
  void restart_or_finish(const Verdict& verdict);
  void replace_or_finish();
  void strike(const ExitReport& cause);
  bool goes_on_after_requeue() const;
  void gather_again();
  void finish_stopped(const Verdict& verdict);
  void finish(int code, std::string reason, std::optional<ExitReport> first_cause);

  void observe_clock(const AgentId& agent, int64_t sent_ns);
  void note_rank_step(const Membership& member, int global_rank);
  void set_stopped(const AgentId& agent);
  void watch_lease(const AgentId& id, const Agent& agent);
  void remember_failure(const Verdict& verdict);
  Membership* membership(const AgentId& agent, const GenerationId& generation);
  bool may_have_ranks(const AgentId& agent) const;
  bool comes_too_late(const AgentId& agent) const;
  bool is_struck_out(const std::string& hostname) const;
  bool is_part_of_current(const AgentId& agent) const;
  bool is_rank_of(const Membership& member, int global_rank) const;
  bool has_exited(int global_rank) const;
  bool all_ranks_reported_well(const Membership& member) const;
  TimePoint lease_end(const Agent& agent) const;
  int num_placeable() const;
  bool awaits_number() const;
  bool is_last_call_over() const;
  std::string roll_call() const;

  void move(PhaseEvent event);
  void send(const AgentId& agent, CoordinatorMessage message);
  void send_to_members(const CoordinatorMessage& message);
  void record(std::string event, Fields fields);
  void journal(JournalEntry entry) { act(WriteJournal{std::move(entry)}); }
  template <class T>
  void act(T action) {
    actions_.push_back(std::move(action));
  }

  Settings settings_;
  Rules rules_;
  State state_;
  TimePoint now_;
  std::vector<Action> actions_;
  std::vector<AgentId> departed_;  // since they were looked at last
  std::optional<JobEnded> ended_;  // as the journal says, or this one
};

}  // namespace fabric::rendezvous
