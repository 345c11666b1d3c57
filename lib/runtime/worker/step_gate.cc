#include "runtime/worker/step_gate.h"

#include "frames/messages.h"

namespace fabric {

// Sequentially consistent, as in close(): one of the two sees what the other one wrote, so that no rank slips past the step
// that it named.
bool StepGate::pass(int64_t step) {
  ended_ = step;
  if (!is_closed_) return false;
  std::unique_lock lock(mutex_);
  if (step < closed_at_) return false;
  opened_.wait(lock, [this] { return limit_ != kUndecided; });
  return step >= limit_;
}

int64_t StepGate::close() {
  const std::lock_guard lock(mutex_);
  if (ended_ < 0) return -1;
  if (is_closed_) return closed_at_;
  is_closed_ = true;
  closed_at_ = ended_ + 1;
  return closed_at_;
}

void StepGate::open(int64_t step) {
  {
    const std::lock_guard lock(mutex_);
    if (limit_ != kUndecided) return;
    limit_ = step;
  }
  opened_.notify_all();
}

bool StepGate::is_stopping() const {
  const int64_t limit = limit_;
  return limit != kUndecided && limit != frames::kNoStepLimit;
}

}  // namespace fabric
