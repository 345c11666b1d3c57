#pragma once

#include <cstdint>
#include <memory>

#include "fabric/batch_sampler.h"
#include "fabric/export.h"
#include "fabric/sampler.h"

namespace fabric {

/// Every field has an initialiser, so that users can name the few that they need.
struct DataLoaderOptions {
  /// Samples in a batch of one rank. Exactly one of this, the next and batch_sampler must be given.
  int64_t batch_size = 0;
  /// Samples in the batches of all ranks together; a multiple of the number of ranks.
  int64_t global_batch_size = 0;
  /// A new order each epoch, from the seed that the Fabric had when the loader was made.
  bool shuffle = false;
  Remainder remainder = Remainder::kPad;
  /// Threads that make batches ahead; 0 makes them in the thread of the loop. suggested_max_num_workers() says how many are good.
  int num_workers = 0;
  /// Batches that each worker may be ahead; at least 1. On an accelerator they are copied there ahead too.
  int prefetch = 2;
  /// Page-locks batches before they are copied to an accelerator, which lets the copy run beside the computing. Without an
  /// accelerator it changes nothing.
  bool pin_memory = false;
  /// In place of `shuffle`: an order of your own.
  std::shared_ptr<Sampler> sampler{};
  /// In place of the sizes, `shuffle` and `sampler`: batches of your own. `remainder` then holds of batches.
  std::shared_ptr<BatchSampler> batch_sampler{};
};

namespace detail {

/// Returns the batch size of one rank, 0 with a batch sampler. Throws UsageError that says which option must be different.
FABRIC_API int64_t checked_batch_size(const DataLoaderOptions& options, int num_replicas);

}  // namespace detail

}  // namespace fabric
