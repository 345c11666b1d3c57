#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "fabric/checkpoint_policy.h"

namespace fabric {

/// Says at which steps a checkpoint is due, on all ranks at the same ones, though their clocks differ: time is rank 0's, which
/// now and then foretells at which step to look at it again. Knows no clock, so that it can be tested by itself.
class CheckpointSchedule {
 public:
  using Seconds = std::chrono::duration<double>;
  /// Returns rank 0's number on every rank; collective.
  using Share = std::function<int64_t(int64_t mine)>;

  CheckpointSchedule(const CheckpointPolicy& policy, int64_t step, Seconds now)
      : every_steps_(policy.every_steps.value_or(0)),
        every_(policy.every ? Seconds(*policy.every) : Seconds::zero()),
        next_look_(step + 1),
        saved_at_(now),
        saved_step_(step) {}

  /// Returns whether a checkpoint is due at the end of `step`; it stays due until saved() is called. To be asked at every step,
  /// by all ranks; now and then collective.
  bool is_due(int64_t step, Seconds now, const Share& share);
  /// Notes that one was made at the end of `step`, or that training goes on from there.
  void saved(int64_t step, Seconds now);

 private:
  /// Returns after how many steps of the pace so far to look at the clock again; 0: the time is over.
  int64_t steps_until_look(int64_t step, Seconds now) const;

  int64_t every_steps_;
  Seconds every_;
  int64_t next_look_;
  Seconds saved_at_;
  int64_t saved_step_;
  bool is_due_ = false;
};

}  // namespace fabric
