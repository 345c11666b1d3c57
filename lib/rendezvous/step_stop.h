#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/clock.h"

namespace fabric::rendezvous {

/// How the ranks of a generation come to stop at one step: each says at the end of which step it can stop first, and goes no
/// further; the highest of these is the step, and all are let go up to it. Nobody needs anybody to answer, so a rank that
/// waits for another one in a collective answers too; and whoever waits at an earlier step is let go.
struct StepStop {
  std::string reason;
  TimePoint deadline;                   ///< when the ranks must have ended
  std::map<int, int64_t> reached = {};  ///< answers by global rank
  int num_awaited = 0;                  ///< ranks that run and have not answered
  std::optional<int64_t> step = {};     ///< where they stop, once all have answered
};

}  // namespace fabric::rendezvous
