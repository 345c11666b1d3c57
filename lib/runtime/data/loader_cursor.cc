#include "fabric/loader_cursor.h"

#include <algorithm>
#include <utility>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric::detail {
namespace {

/// Returns the batch size of one rank. Throws UsageError for options that cannot be.
int64_t checked_batch_size(const DataLoaderOptions& options, int num_replicas) {
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
  if (options.num_workers < 0 || options.prefetch < 1) {
    throw UsageError(concat("num_workers must be at least 0 and prefetch at least 1, but they are ",
                            options.num_workers, " and ", options.prefetch));
  }
  return options.batch_size > 0 ? options.batch_size : options.global_batch_size / num_replicas;
}

void check_indices(const std::vector<int64_t>& order, int64_t dataset_size) {
  for (const int64_t index : order) {
    if (index >= 0 && index < dataset_size) continue;
    throw UsageError(concat("a sampler must give indices from 0 to ", dataset_size - 1, ", but gave ", index));
  }
}

}  // namespace

std::vector<int64_t> LoaderPass::batch(int64_t number) const {
  const auto begin = indices.begin() + static_cast<std::ptrdiff_t>(number * batch_size);
  const auto count = std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(batch_size), indices.end() - begin);
  return {begin, begin + count};
}

LoaderCursor::LoaderCursor(int64_t dataset_size, DataLoaderOptions options, Strategy::DataShare share, uint64_t seed)
    : dataset_size_(dataset_size), options_(std::move(options)), share_(share), seed_(seed) {
  batch_size_ = checked_batch_size(options_, share_.num_replicas);
  if (options_.sampler != nullptr && options_.shuffle) {
    throw UsageError("shuffle and a sampler of your own exclude each other; leave one out");
  }
}

LoaderPass LoaderCursor::begin_pass() {
  const bool from_start = loaded_ ? is_finished() : looped_;
  const bool is_held = !holder_.expired();
  if (from_start) {
    if (loaded_ || !is_held) ++epoch_;
    position_ = 0;
  }
  loaded_ = false;
  looped_ = true;
  LoaderPass pass{++latest_pass_, epoch_, position_, remaining(), batch_size_, 0, seed_};
  pass.num_batches = count_batches(static_cast<int64_t>(pass.indices.size()));
  return pass;
}

void LoaderCursor::handed_out(const LoaderPass& pass, int64_t batches) {
  if (pass.id != latest_pass_) return;
  position_ = std::min(pass.start + batches * batch_size_ * share_.num_replicas, epoch_size());
}

int64_t LoaderCursor::next_epoch() const { return looped_ || (loaded_ && is_finished()) ? epoch_ + 1 : epoch_; }

void LoaderCursor::hold_epoch(int64_t epoch, const std::shared_ptr<void>& holder) {
  holder_ = holder;
  if (epoch == epoch_) return;
  epoch_ = epoch;
  position_ = 0;
  loaded_ = false;
  looped_ = false;
}

int64_t LoaderCursor::size() const {
  const int64_t replicas = share_.num_replicas;
  const int64_t whole = epoch_size() / replicas;
  const int64_t rest = epoch_size() % replicas;
  if (options_.remainder == Remainder::kPad) return count_batches(whole + (rest > 0 ? 1 : 0));
  if (options_.remainder == Remainder::kDrop) return count_batches(whole);
  return count_batches(whole + (share_.rank < rest ? 1 : 0));
}

Value LoaderCursor::state_dict() const {
  return Dict{
      {"epoch", epoch_}, {"position", position_}, {"epoch_size", epoch_size()}, {"seed", static_cast<int64_t>(seed_)}};
}

void LoaderCursor::load_state_dict(const Value& state) {
  const int64_t size = state.at("epoch_size").to_int();
  const int64_t epoch = state.at("epoch").to_int();
  const int64_t position = state.at("position").to_int();
  const int64_t seed = state.at("seed").to_int();
  if (size != epoch_size()) {
    throw UsageError(concat("a loader's state must be of a dataset of the same size, but this epoch has ", epoch_size(),
                            " samples and that one had ", size));
  }
  if (epoch < 0 || position < 0 || position > size) {
    throw UsageError(
        concat("a loader's state must be a place in the data, but is epoch ", epoch, ", sample ", position));
  }
  epoch_ = epoch;
  position_ = position;
  seed_ = static_cast<uint64_t>(seed);
  latest_pass_ += 1;  // running loops no longer move the position
  loaded_ = true;
  looped_ = false;
}

int64_t LoaderCursor::epoch_size() const {
  return options_.sampler != nullptr ? options_.sampler->size() : dataset_size_;
}

int64_t LoaderCursor::count_batches(int64_t samples) const {
  const bool drop_last = options_.remainder == Remainder::kDrop;
  return (samples + (drop_last ? 0 : batch_size_ - 1)) / batch_size_;
}

std::vector<int64_t> LoaderCursor::remaining() const {
  std::vector<int64_t> order;
  if (options_.sampler != nullptr) {
    order = options_.sampler->order(epoch_);
    check_indices(order, dataset_size_);
  } else if (options_.shuffle) {
    order = RandomSampler(dataset_size_, seed_).order(epoch_);
  } else {
    order = SequentialSampler(dataset_size_).order(epoch_);
  }
  return rank_share(order, share_, options_.remainder, position_);
}

bool LoaderCursor::is_finished() const {
  return position_ > 0 && count_batches(static_cast<int64_t>(remaining().size())) == 0;
}

}  // namespace fabric::detail
