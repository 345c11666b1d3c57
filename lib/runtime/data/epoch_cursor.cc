#include "fabric/epoch_cursor.h"

#include <utility>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric::detail {
namespace {

void check_batch_sampler(const DataLoaderOptions& options) {
  if (options.batch_size != 0 || options.global_batch_size != 0 || options.shuffle || options.sampler != nullptr) {
    throw UsageError(
        "a batch sampler decides the order and the sizes of batches; leave out batch_size, global_batch_size, shuffle and "
        "sampler, or the batch sampler");
  }
}

}  // namespace

int64_t checked_batch_size(const DataLoaderOptions& options, int num_replicas) {
  if (options.num_workers < 0 || options.prefetch < 1) {
    throw UsageError(concat("num_workers must be at least 0 and prefetch at least 1, but they are ",
                            options.num_workers, " and ", options.prefetch));
  }
  if (options.batch_sampler != nullptr) {
    check_batch_sampler(options);
    return 0;
  }
  if ((options.batch_size > 0) == (options.global_batch_size > 0) || options.batch_size < 0 ||
      options.global_batch_size < 0) {
    throw UsageError(concat("exactly one of batch_size and global_batch_size must be given, at least 1, but they are ",
                            options.batch_size, " and ", options.global_batch_size));
  }
  if (options.global_batch_size % num_replicas != 0) {
    throw UsageError(concat("global_batch_size must be a multiple of the ", num_replicas, " ranks, but is ",
                            options.global_batch_size, "; choose ",
                            (options.global_batch_size / num_replicas + 1) * num_replicas, " or another multiple"));
  }
  if (options.sampler != nullptr && options.shuffle) {
    throw UsageError("shuffle and a sampler of your own exclude each other; leave one out");
  }
  return options.batch_size > 0 ? options.batch_size : options.global_batch_size / num_replicas;
}

EpochCursor::EpochCursor(DataLoaderOptions options, Strategy::DataShare share, uint64_t seed)
    : options_(std::move(options)),
      share_(share),
      seed_(seed),
      batch_size_(checked_batch_size(options_, share.num_replicas)) {}

EpochCursor::~EpochCursor() = default;

int64_t EpochCursor::begin_loop(bool& goes_on) {
  const bool from_start = loaded_ ? is_finished() : looped_;
  if (from_start) {
    if (loaded_ || holder_.expired()) ++epoch_;
    position_ = 0;
  }
  goes_on = loaded_ && !from_start;
  loaded_ = false;
  looped_ = true;
  return ++latest_loop_;
}

int64_t EpochCursor::next_epoch() const { return looped_ || (loaded_ && is_finished()) ? epoch_ + 1 : epoch_; }

void EpochCursor::hold_epoch(int64_t epoch, const std::shared_ptr<void>& holder) {
  holder_ = holder;
  if (epoch == epoch_) return;
  epoch_ = epoch;
  position_ = 0;
  loaded_ = false;
  looped_ = false;
}

void EpochCursor::go_to(int64_t epoch, int64_t position, uint64_t seed) {
  epoch_ = epoch;
  position_ = position;
  seed_ = seed;
  latest_loop_ += 1;
  loaded_ = true;
  looped_ = false;
}

}  // namespace fabric::detail
