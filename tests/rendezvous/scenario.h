#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rendezvous/settings.h"

namespace fabric::rendezvous {

/// Random numbers that cost next to nothing: splitmix64.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ull + 1) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  /// Returns a number from `least` to `most`, both included.
  int64_t between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(next() % static_cast<uint64_t>(most - least + 1));
  }
  bool chance(double probability) { return static_cast<double>(next() >> 11) * 0x1p-53 < probability; }

 private:
  uint64_t state_;
};

enum class FaultKind : uint8_t {
  kDies,          ///< a node is gone; with a duration, another agent comes after it
  kBreaks,        ///< a connection is reset
  kGoesDeaf,      ///< all messages of a connection are lost, which nobody is told
  kHangs,         ///< the link of an agent stands still, its supervisor does not
  kFreezes,       ///< a whole node stands still, ranks too, and goes on
  kHearsNothing,  ///< what the coordinator says to an agent is held back, what it says itself is not
  kIsNotHeard,    ///< the reverse
  kFlaps,         ///< each connection of an agent ends once it has said its name
  kIsCutOff,      ///< messages of an agent and of some after it are held back
  kLosesBeats,    ///< half of the heartbeats and of their answers are lost
  kRankFails,     ///< one of the agent's ranks ends with 7
  kLies,          ///< the agent sends messages and writes of older generations
  kLeaves,        ///< the agent ends its ranks, says goodbye and goes
  kJoins,         ///< another agent comes
  kStops,         ///< somebody asks for the end of the job
  kStopsAtOnce,   ///< the same, without grace
  kCrashes,       ///< the coordinator dies after some more actions, and comes back from its journal
  kPauses,        ///< the coordinator stands still and goes on
};
inline constexpr int kNumFaultKinds = 18;
std::string_view name_of(FaultKind kind);

struct Fault {
  FaultKind kind = FaultKind::kDies;
  Nanoseconds at{0};  ///< after the start
  uint32_t agent = 0;
  Nanoseconds duration{0};
};

/// A whole job and all that happens to it.
struct Scenario {
  uint64_t seed = 0;
  Settings settings;
  int num_agents = 1;       ///< that come at the start
  int64_t total_steps = 1;  ///< that the program does
  std::vector<Fault> faults = {};
  double late = 0.02;           ///< chance of each message to be late, and those behind it with it
  double disorder = 0.01;       ///< chance of each message to overtake others, and to come twice
  double late_ticks = 0.01;     ///< chance of a timer of the coordinator to be a second late; each is up to 20 ms late
  double answers_late = 0.05;   ///< chance of each rank that is asked where it can stop
  double answers_never = 0.01;  ///< the same
  double has_no_steps = 0.02;   ///< the same
  double gets_stuck = 0.01;     ///< chance of each rank that is let go up to a step
  double obeys_late =
      0.01;  ///< chance of each agent that is told to stop its ranks: its supervisor is busy for seconds
  double crashes_at_end = 0.01;  ///< chance of the coordinator, once it has written down that the job is over
  /// How much longer than its faults and its work a job may take, because messages and timers are late without a fault.
  Nanoseconds slack = std::chrono::seconds(10);
  /// How much longer than its lease a faulty agent lets ranks run; 0 for one that keeps the rules.
  Nanoseconds overstay{0};
};

/// Returns "at 1203 ms agent 3 hangs for 500 ms".
std::string describe(const Fault& fault);

/// A short job on 1 to 4 nodes to which much happens.
Scenario small_scenario(uint64_t seed);
/// A job on 1 to 4 nodes that is asked to stop, perhaps again, or to which more nodes come.
Scenario changing_scenario(uint64_t seed);
/// A job on 2 to 8 nodes to which so much happens that a coordinator that is wrong shows it soon.
Scenario rough_scenario(uint64_t seed);
/// A job on 2 to 64 nodes.
Scenario usual_scenario(uint64_t seed);
/// A job to which one of those things happens that hardly ever do by chance.
Scenario rare_scenario(uint64_t seed);
/// One of them: another node comes as the ranks end.
Scenario late_joiner_scenario(uint64_t seed);
/// One of them: an agent comes back as its lease ends, and dies then.
Scenario late_return_scenario(uint64_t seed);
/// A job on `num_nodes` nodes, to which what a few nodes see happens.
Scenario large_scenario(uint64_t seed, int num_nodes);

}  // namespace fabric::rendezvous
