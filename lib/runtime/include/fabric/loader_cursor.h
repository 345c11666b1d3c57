#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "fabric/export.h"
#include "fabric/sampler.h"
#include "fabric/strategy.h"
#include "fabric/value.h"

namespace fabric {

/// Every field has an initialiser, so that users can name the few that they need.
struct DataLoaderOptions {
  /// Samples in a batch of one rank. Exactly one of this and the next must be given.
  int64_t batch_size = 0;
  /// Samples in the batches of all ranks together; a multiple of the number of ranks.
  int64_t global_batch_size = 0;
  /// A new order each epoch, from the seed that the Fabric had when the loader was made.
  bool shuffle = false;
  Remainder remainder = Remainder::kPad;
  /// Threads that make batches ahead; 0 makes them in the thread of the loop.
  int num_workers = 0;
  /// Batches that each worker may be ahead; at least 1.
  int prefetch = 2;
  /// In place of `shuffle`: an order of your own.
  std::shared_ptr<Sampler> sampler{};
};

namespace detail {

/// One loop over an epoch, or over the rest of it after a resume.
struct FABRIC_API LoaderPass {
  int64_t id = 0;
  int64_t epoch = 0;
  int64_t start = 0;             ///< samples of the epoch that all ranks had before
  std::vector<int64_t> indices;  ///< of the dataset, this rank's
  int64_t batch_size = 0;
  int64_t num_batches = 0;
  uint64_t seed = 0;

  /// Returns the indices of batch `number` of this pass.
  std::vector<int64_t> batch(int64_t number) const;
};

/// Where a loader stands: which epoch, how much of it was handed out. Not for several threads at once.
class FABRIC_API LoaderCursor {
 public:
  /// Throws UsageError that says which option must be different.
  LoaderCursor(int64_t dataset_size, DataLoaderOptions options, Strategy::DataShare share, uint64_t seed);

  /// Begins a loop: goes on where a loaded state stopped; otherwise from the epoch's first sample, and in the next epoch if
  /// there was a loop in this one, unless an epochs() loop holds it.
  LoaderPass begin_pass();
  /// Notes that the first `batches` of `pass` were handed out, if it is the latest pass.
  void handed_out(const LoaderPass& pass, int64_t batches);

  /// Returns the epoch that the next loop belongs to.
  int64_t next_epoch() const;
  /// Makes `epoch` the one that loops belong to, as long as `holder` lives.
  void hold_epoch(int64_t epoch, const std::shared_ptr<void>& holder);

  const DataLoaderOptions& options() const { return options_; }
  int64_t epoch() const { return epoch_; }
  int64_t position() const { return position_; }
  /// Returns the batches of a whole epoch on this rank.
  int64_t size() const;
  Value state_dict() const;
  /// Throws UsageError if the state is of a dataset of another size.
  void load_state_dict(const Value& state);

 private:
  int64_t epoch_size() const;
  int64_t count_batches(int64_t samples) const;
  /// Returns this rank's indices of `epoch_` from `position_` on.
  std::vector<int64_t> remaining() const;
  bool is_finished() const;

  int64_t dataset_size_;
  DataLoaderOptions options_;
  Strategy::DataShare share_;
  uint64_t seed_;
  int64_t batch_size_ = 0;
  int64_t epoch_ = 0;
  int64_t position_ = 0;
  int64_t latest_pass_ = 0;
  bool loaded_ = false;  ///< a state was loaded since the last loop began
  bool looped_ = false;  ///< a loop began in this epoch
  std::weak_ptr<void> holder_;
};

}  // namespace detail

}  // namespace fabric
