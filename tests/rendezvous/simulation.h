#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "rendezvous/coordinator.h"

namespace fabric::rendezvous {

/// How badly the simulated world behaves.
struct Faults {
  double agent_dies = 0.3;   ///< chance of each agent to die with its node, once, before `until`
  double agent_hangs = 0.2;  ///< chance of a silent pause of the link, once
  double connection_breaks = 0.3;
  double rank_fails = 0.1;  ///< chance of each rank and generation
  double stop_requested = 0.1;
  double answers_late = 0.1;    ///< chance of each rank that is asked where it can stop
  double answers_never = 0.05;  ///< the same
  double has_no_steps = 0.05;   ///< the same
  double gets_stuck = 0.05;     ///< chance of each rank that is let go up to a step
  Nanoseconds until = std::chrono::seconds(20);
  /// How much longer than its lease a faulty agent lets ranks run; 0 for one that keeps the rules.
  Nanoseconds overstay{0};
};

/// A job with a coordinator and agents on a virtual network with random delays, in virtual time; all from one seed.
class Simulation {
 public:
  Simulation(uint64_t seed, Faults faults);

  /// Runs to the end of the job. Returns the first rule that was broken, or an empty string.
  std::string run();
  const std::optional<JobOutcome>& outcome() const { return outcome_; }
  int generations() const { return static_cast<int>(plans_.size()); }

 private:
  struct SimAgent {
    bool alive = true;
    int connection = 0;  // 0: none; messages of an older one are lost
    bool hangs = false;
    TimePoint up, down;  // when the last message in each direction arrives: order is kept
    uint64_t sequence = 0;
    std::map<uint64_t, TimePoint> beats;
    TimePoint acknowledged;
    TimePoint joined;
    std::optional<GenerationPlan> plan;
    std::set<int> ranks;             // alive
    std::map<int, int64_t> reached;  // what they said when they were asked for a step
    TimePoint started;
    bool killing = false;
  };
  struct Due {
    TimePoint at;
    uint64_t order;
    std::function<void()> what;
    bool operator<(const Due& other) const { return std::tie(other.at, other.order) < std::tie(at, order); }
  };

  void after(Nanoseconds delay, std::function<void()> what);
  bool chance(double probability) { return std::uniform_real_distribution<>(0, 1)(random_) < probability; }
  Nanoseconds between(int64_t least_ms, int64_t most_ms);

  void add_agent();
  void plan_faults(const std::string& name);
  void connect(const std::string& name);
  void beat(const std::string& name, int connection);
  void break_connection(const std::string& name);
  void die(const std::string& name);
  void to_coordinator(const std::string& name, const AgentMessage& message);
  void to_agent(const std::string& name, const CoordinatorMessage& message);

  void receive(const std::string&, const Welcome&);
  void receive(const std::string& name, const HeartbeatAck& message);
  void receive(const std::string& name, const StartGeneration& message);
  void receive(const std::string& name, const AskSteps& message);
  void receive(const std::string& name, const StopAtStep& message);
  void receive(const std::string&, const SignalRanks&) {}
  void receive(const std::string& name, const StopGeneration& message);
  void receive(const std::string& name, const Shutdown& message);
  void watch_lease(const std::string& name);
  void start_rank(const std::string& name, int rank);
  int64_t step_of(const SimAgent& agent) const;
  void end_rank(const std::string& name, GenerationId generation, ExitReport report);
  void kill_ranks(const std::string& name);

  void handle(const Event& event);
  void perform(const Action& action);
  void check_start(const GenerationPlan& plan);
  void check_restarts();
  void check_plans();
  void broken(const std::string& rule);

  Faults faults_;
  std::mt19937_64 random_;
  Settings settings_;
  std::optional<Coordinator> coordinator_;
  std::map<std::string, SimAgent> agents_;
  std::map<GenerationId, std::vector<GenerationPlan>> plans_;
  std::set<GenerationId> impaired_;  // a rank of it is gone too early; the others wait in a collective for ever
  std::vector<TimePoint> restarts_;
  std::priority_queue<Due> due_;
  TimePoint now_{std::chrono::hours(1)};
  TimePoint start_ = now_;
  uint64_t order_ = 0;
  std::optional<JobOutcome> outcome_;
  std::string broken_;
};

}  // namespace fabric::rendezvous
