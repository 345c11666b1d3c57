#pragma once

#include <cstdint>
#include <optional>

#include "core/exit_report.h"
#include "rendezvous/state.h"

namespace fabric::rendezvous {

/// What a generation came to once none of its ranks is alive.
struct Verdict {
  enum class Kind : uint8_t {
    kCompleted,  ///< every rank ended with 0
    kRequeue,    ///< every rank ended with 0 or 75, at least one with 75: stopped at an agreed step, state saved
    kFailed,     ///< a rank failed, or ended without a reason that is known
    kNodeLost,   ///< a node left; at most, ranks failed because of it
  };
  Kind kind = Kind::kCompleted;
  std::optional<ExitReport> first_cause;  ///< set if kind is kFailed, and for kNodeLost if a rank failed after it
};

/// Returns whether the rank failed by itself: neither 0 nor 75, and not killed by its supervisor.
bool is_failure(const ExitReport& report);

/// Returns whether the rank failed only because a peer had gone, as the type of its exception says.
bool is_peer_failure(const ExitReport& report);

/// Puts the times of all reports, which are by their nodes' clocks, on the coordinator's. Once for a generation.
void use_coordinator_time(Generation& generation);

/// Judges an ended generation whose reports have the coordinator's time. The first cause is the earliest failure that is
/// not the loss of a peer.
Verdict judge(const Generation& generation, int ranks_per_node);

}  // namespace fabric::rendezvous
