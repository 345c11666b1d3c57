#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "fabric/export.h"
#include "fabric/strategy.h"

namespace fabric {

/// In which order an epoch goes through a dataset. All ranks have equal samplers: which rank gets what is decided afterwards,
/// by rank_share(), so that any sampler works with any number of ranks.
///
/// Those that draw do so with a generator of their own that is seeded with seed + epoch, and give the numbers of the sampler
/// of their name in Python's torch.utils.data with such a generator.
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
  /// Throws UsageError if `size` is negative.
  explicit SequentialSampler(int64_t size);
  int64_t size() const override { return size_; }
  std::vector<int64_t> order(int64_t epoch) const override;

 private:
  int64_t size_;
};

/// A random order. Without further words it is torch.randperm(size), the order of Python's DistributedSampler too.
class FABRIC_API RandomSampler final : public Sampler {
 public:
  /// How much to draw, where it is not each sample once.
  struct Draws {
    /// Samples of an epoch; the dataset's size if not given. More than there are go through it again in another order.
    std::optional<int64_t> num_samples{};
    /// Each draw is from the whole dataset.
    bool replacement = false;
  };

  RandomSampler(int64_t size, uint64_t seed) : RandomSampler(size, seed, Draws{}) {}
  /// Throws UsageError if a number is negative, or samples are to be drawn where there are none.
  RandomSampler(int64_t size, uint64_t seed, const Draws& draws);
  int64_t size() const override { return num_samples_; }
  std::vector<int64_t> order(int64_t epoch) const override;

 private:
  int64_t size_;
  uint64_t seed_;
  int64_t num_samples_;
  bool replacement_;
};

/// A part of a dataset, in the order in which its indices are given.
class FABRIC_API SubsetSampler final : public Sampler {
 public:
  explicit SubsetSampler(std::vector<int64_t> indices) : indices_(std::move(indices)) {}
  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  std::vector<int64_t> order(int64_t /*epoch*/) const override { return indices_; }

 private:
  std::vector<int64_t> indices_;
};

/// A part of a dataset, in a random order.
class FABRIC_API SubsetRandomSampler final : public Sampler {
 public:
  SubsetRandomSampler(std::vector<int64_t> indices, uint64_t seed) : indices_(std::move(indices)), seed_(seed) {}
  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  std::vector<int64_t> order(int64_t epoch) const override;

 private:
  std::vector<int64_t> indices_;
  uint64_t seed_;
};

/// Draws sample i with the probability weights[i] / sum of weights.
class FABRIC_API WeightedRandomSampler final : public Sampler {
 public:
  /// Throws UsageError unless the weights are finite, none negative and one positive, and `num_samples` is at least 1 and,
  /// without `replacement`, at most the number of weights that are not 0.
  WeightedRandomSampler(std::vector<double> weights, int64_t num_samples, uint64_t seed, bool replacement = true);
  int64_t size() const override { return num_samples_; }
  std::vector<int64_t> order(int64_t epoch) const override;

 private:
  std::vector<double> weights_;
  int64_t num_samples_;
  uint64_t seed_;
  bool replacement_;
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
