#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace fabric {

/// Where the rank's main thread, which ends steps, meets the thread that hears from the agent at which one to stop. All calls
/// but pass() come from the latter.
class StepGate {
 public:
  /// Notes that `step` has ended, and returns whether the rank stops there. Waits while the ranks agree on a step and this one
  /// is where it said it would wait; costs an atomic store and a load otherwise. The wait ends with what is agreed, with
  /// open(), or with the process: the coordinator gives the ranks elastic.stop_timeout. One thread.
  bool pass(int64_t step);

  /// Returns the step at whose end the rank can stop first, and has it wait there from now on; -1, and nothing else, if it
  /// has ended no step.
  int64_t close();
  /// Lets the rank go on to the end of `step`, frames::kNoStepLimit for no end. The first call counts.
  void open(int64_t step);

  /// Returns whether the rank is on its way to the step at which it stops. Any thread.
  bool is_stopping() const;

 private:
  static constexpr int64_t kUndecided = -1;

  std::atomic<int64_t> ended_{-1};  ///< the last step
  std::atomic<bool> is_closed_{false};
  std::atomic<int64_t> limit_{kUndecided};  ///< written under mutex_

  std::mutex mutex_;
  std::condition_variable opened_;
  int64_t closed_at_ = 0;  ///< under mutex_
};

}  // namespace fabric
