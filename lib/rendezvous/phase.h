#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fabric::rendezvous {

/// Where a job stands.
enum class Phase : uint8_t {
  kGathering,  ///< no rank runs; waiting for enough agents
  kRunning,    ///< the ranks of one generation run
  kHalting,    ///< as running, up to a step at which they all stop by themselves
  kStopping,   ///< a generation was told to stop; waiting until none of its ranks can be alive
  kFinished,
};

inline constexpr size_t kNumPhases = 5;

enum class PhaseEvent : uint8_t {
  kGathered,     ///< enough agents are there
  kHaltAsked,    ///< the job shall end, and its ranks are asked for a step
  kStopNeeded,   ///< a rank failed, a node left, or the job shall end
  kMayRunAgain,  ///< nothing of the generation is alive, and another one shall follow
  kGaveUp,       ///< the job is over
};

/// Returns whether ranks may be alive in `phase`.
constexpr bool has_ranks(Phase phase) {
  return phase == Phase::kRunning || phase == Phase::kHalting || phase == Phase::kStopping;
}

/// Returns the phase after `event`, or nullopt if `event` cannot happen in `phase`.
constexpr std::optional<Phase> next_phase(Phase phase, PhaseEvent event) {
  switch (event) {
    case PhaseEvent::kGathered:
      if (phase == Phase::kGathering) return Phase::kRunning;
      break;
    case PhaseEvent::kHaltAsked:
      if (phase == Phase::kRunning) return Phase::kHalting;
      break;
    case PhaseEvent::kStopNeeded:
      if (has_ranks(phase)) return Phase::kStopping;
      break;
    case PhaseEvent::kMayRunAgain:
      if (has_ranks(phase)) return Phase::kGathering;
      break;
    case PhaseEvent::kGaveUp:
      if (phase != Phase::kFinished) return Phase::kFinished;
      break;
  }
  return std::nullopt;
}

constexpr std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::kGathering:
      return "gathering";
    case Phase::kRunning:
      return "running";
    case Phase::kHalting:
      return "halting";
    case Phase::kStopping:
      return "stopping";
    case Phase::kFinished:
      return "finished";
  }
  return "unknown";
}

}  // namespace fabric::rendezvous
