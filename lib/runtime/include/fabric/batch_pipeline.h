#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "fabric/export.h"

namespace fabric::detail {

/// Makes batches 0, 1, 2, ... and hands them out in this order, whichever worker thread is ready first.
class FABRIC_API BatchPipeline {
 public:
  /// Called once per batch, by several threads at once if there are workers; gradients are off during the call.
  using Make = std::function<std::shared_ptr<void>(int64_t batch)>;

  /// `num_workers` threads make at most num_workers * prefetch batches ahead; 0 makes each when it is asked for.
  BatchPipeline(Make make, int64_t num_batches, int num_workers, int prefetch);
  BatchPipeline(const BatchPipeline&) = delete;
  BatchPipeline& operator=(const BatchPipeline&) = delete;
  /// Waits for the workers to end the batches that they are at.
  ~BatchPipeline();

  /// Returns the next batch, null after the last one. Throws what making it threw; the call after that gives the next.
  std::shared_ptr<void> next();

 private:
  class Workers;

  Make make_;
  int64_t num_batches_;
  int64_t next_ = 0;
  std::unique_ptr<Workers> workers_;
};

}  // namespace fabric::detail
