#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "fabric/epoch_cursor.h"
#include "fabric/export.h"
#include "fabric/value.h"

namespace fabric::detail {

/// One loop over an epoch, or over the rest of it after a resume.
struct FABRIC_API LoaderPass {
  int64_t loop = 0;
  int64_t epoch = 0;
  int64_t start = 0;             ///< of the epoch, what all ranks had before
  std::vector<int64_t> indices;  ///< of the dataset, this rank's, one batch after the other
  std::vector<size_t> ends;  ///< where in `indices` each batch ends; empty where all have batch_size, but for the last
  size_t batch_size = 0;
  int64_t num_batches = 0;
  int64_t stride = 0;  ///< by how much a batch moves the position
  uint64_t seed = 0;

  /// Returns the indices of batch `number` of this pass.
  std::span<const int64_t> batch(int64_t number) const;
};

/// Where a loader over a dataset with indices stands: how many samples of the epoch were handed out, on all ranks together; with
/// a batch sampler, how many batches.
class FABRIC_API LoaderCursor final : public EpochCursor {
 public:
  /// Throws UsageError that says which option must be different.
  LoaderCursor(int64_t dataset_size, DataLoaderOptions options, Strategy::DataShare share, uint64_t seed);

  /// Begins a loop, as EpochCursor says.
  LoaderPass begin_pass();
  /// Notes that the first `batches` of `pass` were handed out, if it is the latest pass.
  void handed_out(const LoaderPass& pass, int64_t batches);

  /// Returns the batches of a whole epoch on this rank; with a batch sampler, of this epoch.
  int64_t size() const;
  Value state_dict() const override;
  /// Throws UsageError if the state is of a dataset of another size.
  void load_state_dict(const Value& state) override;

 private:
  /// What the position counts, in the order of an epoch: indices, or the numbers of `batches`.
  struct Order {
    int64_t epoch = -1;
    std::vector<int64_t> units;
    std::vector<std::vector<int64_t>> batches;
  };

  bool is_finished() const override;
  const Order& order_of(int64_t epoch) const;
  Order make_order(int64_t epoch) const;
  int64_t units_of(int64_t epoch) const;
  int64_t count_batches(int64_t units) const;
  /// Returns how many units this rank gets of an epoch of which `start` are done.
  int64_t count_share(int64_t units, int64_t start) const;

  int64_t dataset_size_;
  mutable Order order_;  ///< the latest of a batch sampler, which is asked for its size too
};

}  // namespace fabric::detail
