#pragma once

#include <cstdint>
#include <deque>

#include "core/clock.h"
#include "rendezvous/settings.h"

namespace fabric::rendezvous {

/// What is remembered of a job's restarts.
struct RestartHistory {
  int restart_count = 0;              ///< in the whole job
  std::deque<TimePoint> restarts;     ///< those that count still, oldest first
  int64_t furthest_step = -1;         ///< highest step that a rank has reported, in whatever generation; -1: none has
  int64_t step_of_last_failure = -1;  ///< furthest_step when a generation failed last
  int failures_without_progress = 0;  ///< failed generations in a row that did not raise furthest_step
};

/// What may follow a failed generation.
enum class RestartAnswer : uint8_t {
  kGranted,
  kUsedUp,      ///< max_restarts were granted within the window
  kNoProgress,  ///< the same steps would only be tried again
};

/// Notes that a rank has ended `step`.
void note_step(RestartHistory& history, int64_t step);

/// Notes a failed generation and answers whether another one may follow; one that may is counted. A program that has never
/// reported a step shows no progress, nor the lack of it: for it only the budget counts. Where that is used up too, kUsedUp.
RestartAnswer ask_restart(RestartHistory& history, const Settings& settings, TimePoint now);

}  // namespace fabric::rendezvous
