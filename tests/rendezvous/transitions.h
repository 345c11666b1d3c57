#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "rendezvous/events.h"
#include "rendezvous/phase.h"
#include "rendezvous/settings.h"

namespace fabric::rendezvous {

/// The rows of the table in docs/rendezvous.md.
enum class Transition : uint8_t {
  kStartsFull,         ///< gathering -> running: max_nodes are there
  kStartsExpected,     ///< the same: as many as were expected
  kStartsEnough,       ///< the same: min_nodes, and no last call, or its end
  kStartsLate,         ///< the same: min_nodes, and the rendezvous timeout is over
  kTooFewCame,         ///< gathering -> finished: 76
  kStopsGathering,     ///< gathering -> finished: a stop was asked for
  kRankFails,          ///< running -> stopping: a rank failed
  kNodeLeaves,         ///< running -> stopping: an agent has left or fell silent
  kGrows,              ///< running -> halting: for a larger generation
  kHalts,              ///< running -> halting: a stop was asked for
  kStopsWithGrace,     ///< running -> stopping: the same, with stop_timeout 0
  kAgrees,             ///< halting: at a step
  kHasNoStep,          ///< halting -> stopping: a rank has ended none
  kHaltsTooLong,       ///< halting -> stopping: stop_timeout is over
  kFailsWhileHalting,  ///< halting -> stopping: a rank failed, a node left
  kStopsAtOnce,        ///< running, halting, stopping -> stopping: without grace
  kLosesPatience,      ///< stopping: connections are closed
  kReturnsToRanks,     ///< (return) -> stopping
  kReturnsToTheEnd,    ///< (return) -> finished
  kGoesOn,             ///< -> gathering, by the verdict
  kEnds,               ///< -> finished, by the verdict
};
inline constexpr size_t kNumTransitions = 21;
std::string_view name_of(Transition transition);

/// What a coordinator was asked, and what it did.
struct Decision {
  const Settings& settings;
  const Event& event;
  const std::vector<Action>& actions;
  Phase before = Phase::kGathering;
  bool is_first = false;         ///< no generation has been started in the job
  bool was_finished = false;     ///< the journal says so
  bool is_timeout_over = false;  ///< that of the rendezvous
};

/// Counts the transitions that `decision` takes.
void count_transitions(const Decision& decision, std::array<uint64_t, kNumTransitions>& counts);

}  // namespace fabric::rendezvous
