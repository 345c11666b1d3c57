#pragma once

#include <cstdint>
#include <vector>

#include "fabric/export.h"
#include "fabric/strategy.h"

namespace fabric {

/// In which order an epoch goes through a dataset. All ranks have equal samplers: which rank gets what is decided afterwards,
/// by rank_share(), so that any sampler works with any number of ranks.
class FABRIC_API Sampler {
 public:
  virtual ~Sampler();
  /// Returns how many samples an epoch has.
  virtual int64_t size() const = 0;
  /// Returns the order of epoch `epoch`, size() indices of the dataset; the same on all ranks and whenever it is asked.
  virtual std::vector<int64_t> order(int64_t epoch) const = 0;
};

/// 0, 1, 2, ...
class FABRIC_API SequentialSampler final : public Sampler {
 public:
  explicit SequentialSampler(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  std::vector<int64_t> order(int64_t epoch) const override;

 private:
  int64_t size_;
};

/// torch.randperm(size) of a generator seeded with seed + epoch: the order of Python's DistributedSampler.
class FABRIC_API RandomSampler final : public Sampler {
 public:
  RandomSampler(int64_t size, uint64_t seed) : size_(size), seed_(seed) {}
  int64_t size() const override { return size_; }
  std::vector<int64_t> order(int64_t epoch) const override;

 private:
  int64_t size_;
  uint64_t seed_;
};

/// What happens to the samples that are left when an epoch is cut into equal parts.
enum class Remainder {
  kPad,    ///< the first of the epoch are given once more, so that all ranks have equally many, as in Python
  kDrop,   ///< they are left out of this epoch, and so is a last batch that is not full
  kExact,  ///< each is given once, and ranks may differ by one: for evaluation, never for training with ddp
};

/// Returns which indices of `order` the rank of `share` gets: every num_replicas-th, from its own number on, as Python's
/// DistributedSampler (kDrop is its drop_last). The first `start` of the order are taken to be done already by all ranks.
FABRIC_API std::vector<int64_t> rank_share(const std::vector<int64_t>& order, Strategy::DataShare share,
                                           Remainder remainder, int64_t start = 0);

}  // namespace fabric
