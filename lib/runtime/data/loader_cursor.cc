#include "fabric/loader_cursor.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric::detail {
namespace {

void check_indices(const std::vector<int64_t>& indices, int64_t dataset_size, const char* source) {
  for (const int64_t index : indices) {
    if (index >= 0 && index < dataset_size) continue;
    throw UsageError(concat("a ", source, " must give indices from 0 to ", dataset_size - 1, ", but gave ", index));
  }
}

}  // namespace

std::span<const int64_t> LoaderPass::batch(int64_t number) const {
  const auto i = static_cast<size_t>(number);
  const size_t begin = ends.empty() ? i * batch_size : (i == 0 ? 0 : ends[i - 1]);
  const size_t end = ends.empty() ? std::min(begin + batch_size, indices.size()) : ends[i];
  return std::span(indices).subspan(begin, end - begin);
}

LoaderCursor::LoaderCursor(int64_t dataset_size, DataLoaderOptions options, Strategy::DataShare share, uint64_t seed)
    : EpochCursor(std::move(options), share, seed), dataset_size_(dataset_size) {}

LoaderPass LoaderCursor::begin_pass() {
  bool goes_on = false;
  LoaderPass pass;
  pass.loop = begin_loop(goes_on);
  pass.epoch = epoch_;
  pass.start = position_;
  pass.batch_size = static_cast<size_t>(batch_size_);
  pass.seed = seed_;
  // Kept only where its size is asked for: an order of samples may be large.
  const Order made = options_.batch_sampler == nullptr ? make_order(epoch_) : Order{};
  const Order& order = options_.batch_sampler == nullptr ? made : order_of(epoch_);
  std::vector<int64_t> share = rank_share(order.units, share_, options_.remainder, position_);
  pass.num_batches = count_batches(static_cast<int64_t>(share.size()));
  pass.stride = share_.num_replicas * (options_.batch_sampler != nullptr ? 1 : batch_size_);
  if (options_.batch_sampler == nullptr) {
    pass.indices = std::move(share);
    return pass;
  }
  for (const int64_t number : share) {
    const std::vector<int64_t>& batch = order.batches[static_cast<size_t>(number)];
    pass.indices.insert(pass.indices.end(), batch.begin(), batch.end());
    pass.ends.push_back(pass.indices.size());
  }
  return pass;
}

void LoaderCursor::handed_out(const LoaderPass& pass, int64_t batches) {
  if (!is_latest(pass.loop)) return;
  position_ = std::min(pass.start + batches * pass.stride, units_of(epoch_));
}

int64_t LoaderCursor::size() const { return count_batches(count_share(units_of(epoch_), 0)); }

Value LoaderCursor::state_dict() const {
  return Dict{{"epoch", epoch_},
              {"position", position_},
              {"epoch_size", units_of(epoch_)},
              {"seed", static_cast<int64_t>(seed_)}};
}

void LoaderCursor::load_state_dict(const Value& state) {
  const int64_t size = state.at("epoch_size").to_int();
  const int64_t epoch = state.at("epoch").to_int();
  const int64_t position = state.at("position").to_int();
  const int64_t seed = state.at("seed").to_int();
  if (epoch < 0 || position < 0 || position > size) {
    throw UsageError(
        concat("a loader's state must be a place in the data, but is epoch ", epoch, ", sample ", position));
  }
  if (size != units_of(epoch)) {
    throw UsageError(concat("a loader's state must be of a dataset of the same size, but this epoch has ",
                            units_of(epoch), options_.batch_sampler != nullptr ? " batches" : " samples",
                            " and that one had ", size));
  }
  go_to(epoch, position, static_cast<uint64_t>(seed));
}

bool LoaderCursor::is_finished() const {
  return position_ > 0 && count_batches(count_share(units_of(epoch_), position_)) == 0;
}

const LoaderCursor::Order& LoaderCursor::order_of(int64_t epoch) const {
  if (order_.epoch != epoch) order_ = make_order(epoch);
  return order_;
}

LoaderCursor::Order LoaderCursor::make_order(int64_t epoch) const {
  Order order;
  order.epoch = epoch;
  if (options_.batch_sampler != nullptr) {
    order.batches = options_.batch_sampler->batches(epoch);
    order.units.resize(order.batches.size());
    std::iota(order.units.begin(), order.units.end(), int64_t{0});
    for (const std::vector<int64_t>& batch : order.batches) {
      if (batch.empty()) throw UsageError("a batch sampler's batches must have a sample each, but one is empty");
      check_indices(batch, dataset_size_, "batch sampler");
    }
  } else if (options_.sampler != nullptr) {
    order.units = options_.sampler->order(epoch);
    check_indices(order.units, dataset_size_, "sampler");
    if (static_cast<int64_t>(order.units.size()) != options_.sampler->size()) {
      throw UsageError(concat("a sampler must give as many samples as its size() says, ", options_.sampler->size(),
                              ", but gave ", order.units.size()));
    }
  } else if (options_.shuffle) {
    order.units = RandomSampler(dataset_size_, seed_).order(epoch);
  } else {
    order.units = SequentialSampler(dataset_size_).order(epoch);
  }
  return order;
}

int64_t LoaderCursor::units_of(int64_t epoch) const {
  if (options_.batch_sampler != nullptr) return static_cast<int64_t>(order_of(epoch).units.size());
  return options_.sampler != nullptr ? options_.sampler->size() : dataset_size_;
}

int64_t LoaderCursor::count_batches(int64_t units) const {
  if (options_.batch_sampler != nullptr) return units;
  const bool drop_last = options_.remainder == Remainder::kDrop;
  return (units + (drop_last ? 0 : batch_size_ - 1)) / batch_size_;
}

int64_t LoaderCursor::count_share(int64_t units, int64_t start) const {
  const int64_t left = units - start;
  const int64_t whole = left / share_.num_replicas;
  const int64_t rest = left % share_.num_replicas;
  if (options_.remainder == Remainder::kPad) return whole + (rest > 0 ? 1 : 0);
  if (options_.remainder == Remainder::kDrop) return whole;
  return whole + (share_.rank < rest ? 1 : 0);
}

}  // namespace fabric::detail
