#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "rendezvous/coordinator.h"
#include "rendezvous/scenario.h"
#include "rendezvous/transitions.h"

namespace fabric::rendezvous {

/// What a simulation came to.
struct SimulationCounts {
  uint64_t events = 0;              ///< that happened in the simulated world
  uint64_t coordinator_events = 0;  ///< those of them that a coordinator was given
  uint64_t generations = 0;
  uint64_t crashes = 0;
  uint64_t messages = 0;  ///< to agents, but for answers to heartbeats
  uint64_t scale_ups = 0;
  uint64_t benched = 0;
  std::array<uint64_t, kNumTransitions> transitions{};
  std::array<uint64_t, kNumFaultKinds> faults{};

  void add(const SimulationCounts& other);
};

/// A job with a coordinator and agents on a virtual network in virtual time, all from one seed. After each action of the
/// coordinator and each step of an agent the rules are checked (docs/rendezvous.md lists them).
class Simulation {
 public:
  explicit Simulation(Scenario scenario, Rules rules = {});

  /// Runs to the end of the job. Returns the first rule that was broken, or an empty string.
  std::string run();
  /// Keeps a history of what happens, for people.
  void keep_history() { keeps_history_ = true; }
  const std::deque<std::string>& history() const { return history_; }
  const std::optional<JobOutcome>& outcome() const { return outcome_; }
  const SimulationCounts& counts() const { return counts_; }

 private:
  struct SimRank {
    int global_rank = 0;
    bool alive = false;
    std::optional<int64_t> reached;  // what it said when it was asked for a step
  };
  struct SimAgent {
    AgentId id;
    std::string hostname;
    bool alive = true;
    bool is_leaving = false;  // says goodbye once its ranks are gone
    bool has_connection = false;
    bool is_deaf = false;           // its connection loses everything
    bool is_lying = false;          // it keeps on doing so
    uint32_t epoch = 0;             // of its connection; messages of an older one are lost
    uint32_t host_epoch = 0;        // of the connection that the coordinator knows, 0: none
    TimePoint up, up_latest, down;  // when the last message in each direction arrives: most keep their order
    TimePoint hangs_until, frozen_until, loses_beats_until, flaps_until;
    TimePoint cut_up_until, cut_down_until;  // what is said in that direction is held back
    uint64_t sequence = 0;
    std::array<TimePoint, 64> beats;  // when those were sent, by sequence
    TimePoint joined;
    TimePoint acknowledged;
    GenerationId newest;  // of which it was told anything; an older one is refused
    GenerationId generation;
    std::optional<int> last_node_rank;
    GenerationId placed_in;   // the newest generation that it is a member of, as the journal says
    bool keeps_rank = false;  // the coordinator has not had to forget it since
    TimePoint heard;          // when the coordinator answered it last
    std::vector<SimRank> ranks;
    int num_alive = 0;
    bool killing = false;
    bool lease_is_watched = false;
    int64_t first_step = 0;
    bool counts_as_running = false;
    bool was_dismissed = false;
    TimePoint started;
  };
  /// What the coordinator has been told of the generation that is in the journal last.
  struct Told {
    GenerationId generation;
    std::set<uint32_t> members;
    int world_size = 0;
    std::set<uint32_t> confirmed;
    std::set<int> stepped, ended;  // ranks
    bool has_failed = false;       // a rank, and not because of others
    bool has_lost = false;         // a member, without a word
    bool has_said_goodbye = false;
    bool is_inherited = false;
    bool is_resized = false;
    bool is_concluded = false;
    bool must_charge = false;  // it ended because of a departure
    bool has_charged = false;
  };
  enum class Kind : uint8_t {
    kConnect,
    kBeat,
    kBeatArrives,
    kAckArrives,
    kArrivesUp,
    kArrivesDown,
    kLost,
    kReset,
    kBreaks,
    kGone,
    kLeaseEnds,
    kFirstStep,
    kRankEnds,
    kRankIsDead,
    kGraceEnds,
    kAnswers,
    kReachesStep,
    kWriteArrives,
    kThaws,
    kSaysGoodbye,
    kFault,
    kReturns,
    kAsksToStop,
  };
  struct Due {
    TimePoint at = {};
    uint64_t order = 0;
    Kind kind = Kind::kFault;
    uint32_t agent = 0;
    uint32_t epoch = 0;
    uint32_t rank = 0;
    uint64_t data = 0;
    GenerationId generation = {};
    bool operator<(const Due& other) const { return std::tie(other.at, other.order) < std::tie(at, order); }
  };

  // simulation.cc: the world and the coordinator's host
  void push(Nanoseconds delay, Due due);
  void push_at(TimePoint at, Due due);
  std::optional<TimePoint> next_tick();
  bool is_over() const { return outcome_.has_value() && num_living_ == 0; }
  void step(const Due& due);
  void step_rank(SimAgent& agent, const Due& due);
  void step_world(const Due& due);
  bool is_put_off(const Due& due);
  Nanoseconds ms(int64_t least, int64_t most) {
    return std::chrono::microseconds(dice_.between(least * 1000, most * 1000));
  }
  void handle(const Event& event);
  bool perform(const Action& action);
  void perform_send(const SendTo& action);
  void drop(uint32_t agent, Nanoseconds delay);
  void crash_soon(int64_t actions, Nanoseconds away);
  void crash(const Action& during);
  void come_back();
  uint32_t index_of(const AgentId& id) const;
  void remember(const std::string& text);

  // simulation_network.cc: connections, messages and faults
  void add_agent(const std::string& hostname = {});
  void connect(uint32_t index);
  void disconnect(uint32_t index);
  void join_arrives(const Due& due);
  void beat(const Due& due);
  void ack_arrives(const Due& due);
  TimePoint arrival(TimePoint cut_until, TimePoint& last);
  void say(uint32_t index, const AgentMessage& message);
  void tell(uint32_t index, const CoordinatorMessage& message);
  void arrives_up(const Due& due);
  void arrives_down(const Due& due);
  void happen(const Fault& fault);
  void happen_to(uint32_t index, const Fault& fault);
  void die(uint32_t index, const Fault& fault);
  void cut(SimAgent& agent, Nanoseconds duration);
  void break_connection(uint32_t index);
  void pause(Nanoseconds duration);
  void vanish(SimAgent& agent);
  void freeze(uint32_t index, const Fault& fault);
  void thaw(uint32_t index);
  void lie(uint32_t index);
  void leave(uint32_t index);
  void fail_rank(uint32_t index);

  // simulation_agent.cc: what an agent and its ranks do
  void receive(uint32_t index, const Welcome&);
  void receive(uint32_t, const HeartbeatAck&) {}
  void receive(uint32_t index, const StartGeneration& message);
  void receive(uint32_t index, const AskSteps& message);
  void receive(uint32_t index, const StopAtStep& message);
  void receive(uint32_t, const SignalRanks&) {}
  void receive(uint32_t index, const StopGeneration& message);
  void receive(uint32_t index, const Shutdown& message);
  void watch_lease(uint32_t index);
  void lease_ends(uint32_t index);
  int64_t step_of(const SimAgent& agent) const;
  void end_rank(uint32_t index, size_t rank, ExitReport report);
  void stopped(uint32_t index, const GenerationId& generation);
  void rank_ends(const Due& due);
  void kill_ranks(uint32_t index);
  void kill_at_once(uint32_t index);
  void answer(const Due& due);
  void reach_step(const Due& due);
  void write(uint32_t index, const GenerationId& generation);

  // simulation_told.cc: what the coordinator has been told, and what must follow from it
  bool may_have_ranks(uint32_t index) const;
  bool is_benched(const SimAgent& agent) const;
  void note(const Event& event);
  void note_message(uint32_t index, const AgentMessage& message);
  void note_departure(uint32_t index, bool is_announced);
  void note_drop(uint32_t index);
  void note_answer(SimAgent& agent);
  void note_return();
  void note_record(const Record& record);
  void note_entry(const TermBegun&) {}
  void note_entry(const GenerationIssued& entry);
  void note_entry(const BudgetSpent& entry);
  void note_entry(const NodeStruck& entry);
  void note_entry(const StopAsked&) { stop_asked_ = true; }
  void note_entry(const JobEnded&) {}
  void note_entry(const JobReopened&) { broken("a coordinator must never reopen its job by itself"); }
  void check_members(const GenerationIssued& entry);
  void check_scale_up();
  void check_stopping();
  void check_outcome();

  // simulation_rules.cc: what must hold
  void check_departures(const Event& event, const std::vector<Action>& actions);
  void check_departure(const AgentId& gone);
  void check_start(const SendTo& action, const GenerationPlan& plan);
  void check_leases(const GenerationId& next);
  void check_generation();
  void check_restart();
  void check_members_known();
  void check_end();
  void check_write(const GenerationId& generation);
  void set_running(SimAgent& agent, bool runs);
  void broken(const std::string& rule);

  Scenario scenario_;
  Rules rules_;
  Dice dice_;
  std::optional<Coordinator> coordinator_;
  std::string journal_;
  std::set<GenerationId> open_stores_;
  std::deque<SimAgent> agents_;
  std::priority_queue<Due> due_;
  std::vector<AgentMessage> up_;  // messages on their way, and which of the places are free
  std::vector<uint32_t> free_up_;
  std::vector<CoordinatorMessage> down_;
  std::vector<uint32_t> free_down_;
  TimePoint now_{std::chrono::hours(1)};
  TimePoint start_ = now_;
  uint64_t order_ = 0;
  int64_t crash_after_ = -1;  // actions; -1: not to be expected
  Nanoseconds away_{0};
  TimePoint paused_until_;
  std::optional<TimePoint> tick_for_;  // the deadline that the next tick is for, and how late that is
  Nanoseconds tick_late_{0};
  int num_living_ = 0;
  int64_t saved_step_ = -1;
  std::set<GenerationId> impaired_;  // a rank of it is gone too early; the others wait in a collective for ever

  std::map<GenerationId, int> running_;  // nodes with ranks that are alive and move
  Told told_;
  std::map<std::string, int> strikes_;  // by hostname
  RestartHistory spent_;
  bool stop_asked_ = false;                                   // and in the journal
  std::set<GenerationId> failed_;                             // a rank of it has failed, or its lease has ended it
  std::set<std::pair<GenerationId, std::string>> failed_on_;  // and on which node a rank has failed
  std::map<GenerationId, int> succeeded_;                     // how many of its ranks have ended with 0
  TimePoint life_began_;                                      // of this coordinator
  bool returned_ended_ = false;                               // its journal says that the job is over
  std::optional<TimePoint> must_end_by_;                      // the generation that is being stopped
  std::optional<TimePoint> gathers_since_;
  GenerationId first_step_of_;                              // the newest generation that has ended a step
  std::vector<std::pair<uint32_t, GenerationPlan>> plans_;  // of the generation that this event starts
  std::vector<TimePoint> restarts_;
  uint64_t joins_ = 0;
  uint64_t placements_ = 0;
  uint64_t shutdowns_ = 0;
  std::optional<JobOutcome> outcome_;
  std::string broken_;
  SimulationCounts counts_;
  bool keeps_history_ = false;
  std::deque<std::string> history_;
};

/// Returns `broken` without its numbers: names, times and generations differ where fewer faults happen.
std::string rule_in(std::string_view broken);

/// Leaves out faults and agents as long as the same rule breaks without them.
Scenario shortest_scenario(Scenario scenario, const Rules& rules = {});

/// Returns what broke, and the shortest history of it that was found: faults are left out of `scenario` as long as a rule
/// breaks without them, then the run is told.
std::string shortest_history(Scenario scenario, Rules rules = {});

}  // namespace fabric::rendezvous
