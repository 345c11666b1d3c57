#pragma once

#include <cstdint>
#include <optional>

namespace fabric::agent {

/// Where a rank stands in its life, as its supervisor sees it.
enum class RankState : uint8_t {
  kStarting,  ///< asked for, no process yet
  kSilent,    ///< the process runs and has not said hello
  kLoading,   ///< it has its assignment
  kReady,     ///< its program is about to run, or runs
  kDraining,  ///< the process has been reaped, its output is read to the end
  kGone,      ///< reported; nothing of it is left
};

/// What can happen to a rank.
enum class RankEvent : uint8_t { kSpawned, kSpawnFailed, kHello, kReady, kExited, kDrained };

/// Returns the state after `event`, or nullopt if it must not happen in `state`: a worker that breaks the protocol, or a
/// bug of the supervisor.
constexpr std::optional<RankState> next_state(RankState state, RankEvent event) {
  const bool runs = state == RankState::kSilent || state == RankState::kLoading || state == RankState::kReady;
  switch (event) {
    case RankEvent::kSpawned:
      return state == RankState::kStarting ? std::optional(RankState::kSilent) : std::nullopt;
    case RankEvent::kSpawnFailed:
      return state == RankState::kStarting ? std::optional(RankState::kGone) : std::nullopt;
    case RankEvent::kHello:
      return state == RankState::kSilent ? std::optional(RankState::kLoading) : std::nullopt;
    case RankEvent::kReady:
      return state == RankState::kLoading ? std::optional(RankState::kReady) : std::nullopt;
    case RankEvent::kExited:
      return runs ? std::optional(RankState::kDraining) : std::nullopt;
    case RankEvent::kDrained:
      return state == RankState::kDraining ? std::optional(RankState::kGone) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace fabric::agent
