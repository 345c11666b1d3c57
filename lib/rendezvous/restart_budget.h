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
  int node_losses = 0;                ///< generations that ended because a node was lost
  int preemptions = 0;                ///< generations that ended because nodes said that they leave

  template <class V>
  void fields(V& v) {
    v(restart_count, restarts, furthest_step, step_of_last_failure, failures_without_progress, node_losses,
      preemptions);
  }
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

/// How nodes left a generation.
enum class DepartureKind : uint8_t {
  kLost,       ///< at least one without a word
  kPreempted,  ///< all of them said so
};

/// Counts a generation that ended because nodes left, and answers whether another one may follow.
RestartAnswer ask_after_departure(RestartHistory& history, const Settings& settings, DepartureKind kind);

}  // namespace fabric::rendezvous
