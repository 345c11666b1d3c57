#include "runtime/api/checkpoint_schedule.h"

#include <algorithm>

namespace fabric {

bool CheckpointSchedule::is_due(int64_t step, Seconds now, const Share& share) {
  if (every_steps_ > 0 && step % every_steps_ == 0) is_due_ = true;
  if (every_ > Seconds::zero() && !is_due_ && step >= next_look_) {
    const int64_t agreed = share(steps_until_look(step, now));
    if (agreed == 0) is_due_ = true;
    next_look_ = step + std::max<int64_t>(agreed, 1);
  }
  return is_due_;
}

void CheckpointSchedule::saved(int64_t step, Seconds now) {
  is_due_ = false;
  saved_at_ = now;
  saved_step_ = step;
  next_look_ = step + 1;
}

// Two thirds of the steps that are left at this pace, so that the looks get closer as the time runs out, and never more than
// those so far, since the first steps of a run are no measure of the others: about 2 log2(steps) looks between two checkpoints.
int64_t CheckpointSchedule::steps_until_look(int64_t step, Seconds now) const {
  const double left = (every_ - (now - saved_at_)).count();
  if (left <= 0) return 0;
  const auto steps = static_cast<double>(std::max<int64_t>(step - saved_step_, 1));
  const double seconds_per_step = std::max((now - saved_at_).count() / steps, 1e-9);
  return static_cast<int64_t>(std::clamp(left / seconds_per_step * 2 / 3, 1.0, steps));
}

}  // namespace fabric
