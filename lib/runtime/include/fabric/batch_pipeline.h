#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "fabric/export.h"

namespace fabric::detail {

/// Makes batches in worker threads and hands them out in one order, whichever thread is ready first: by their turns 0, 1, 2, ...
class FABRIC_API BatchPipeline {
 public:
  /// Makes the batch of turn `turn`, null if there is none; `worker` is the thread's number. Called once per turn, by several
  /// threads at once if there are workers; gradients are off during the call.
  using Make = std::function<std::shared_ptr<void>(int64_t turn, int worker)>;

  struct Options {
    /// Threads; 0 makes each batch when it is asked for, as worker 0.
    int num_workers = 0;
    /// The workers together make at most num_workers * prefetch batches ahead.
    int prefetch = 2;
    /// Worker w makes the turns of which the remainder by num_workers is w, and its first null ends that worker alone: the turns
    /// it would have had are passed over. Otherwise a free worker takes the next turn, and the first null is the end.
    bool fixed_turns = false;
    int64_t first_turn = 0;
  };

  BatchPipeline(Make make, const Options& options);
  BatchPipeline(const BatchPipeline&) = delete;
  BatchPipeline& operator=(const BatchPipeline&) = delete;
  /// Waits for the workers to end the batches that they are at.
  ~BatchPipeline();

  /// Returns the next batch, null after the last one. Throws what making it threw; the call after that gives the next.
  std::shared_ptr<void> next();

 private:
  class Workers;

  std::shared_ptr<void> take(int64_t turn);

  Make make_;
  Options options_;
  int64_t next_;
  std::vector<bool> ended_;  // by worker
  std::unique_ptr<Workers> workers_;
};

}  // namespace fabric::detail
