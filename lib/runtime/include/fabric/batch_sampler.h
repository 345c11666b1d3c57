#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "fabric/export.h"
#include "fabric/sampler.h"

namespace fabric {

/// Which samples stand together in a batch, for a whole epoch: batches of similar lengths, of one class each, of unequal size.
/// All ranks have equal ones. Each rank takes every num_replicas-th batch, from its own number on; what `remainder` says of
/// samples holds of whole batches.
class FABRIC_API BatchSampler {
 public:
  virtual ~BatchSampler();
  /// Returns the batches of epoch `epoch`, each a list of indices of the dataset, none empty; the same on all ranks and
  /// whenever it is asked.
  virtual std::vector<std::vector<int64_t>> batches(int64_t epoch) const = 0;
};

/// Cuts the order of a sampler into batches, as Python's BatchSampler. To cut each rank's share instead, which is what Python's
/// Fabric does to a BatchSampler, give the loader the sampler and batch_size.
class FABRIC_API ConsecutiveBatchSampler final : public BatchSampler {
 public:
  /// `drop_last` leaves out a last batch that is not full. Throws UsageError if there is no sampler or `batch_size` < 1.
  ConsecutiveBatchSampler(std::shared_ptr<const Sampler> sampler, int64_t batch_size, bool drop_last);
  std::vector<std::vector<int64_t>> batches(int64_t epoch) const override;

 private:
  std::shared_ptr<const Sampler> sampler_;
  int64_t batch_size_;
  bool drop_last_;
};

}  // namespace fabric
