#include "fabric/batch_sampler.h"

#include <algorithm>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {

BatchSampler::~BatchSampler() = default;

ConsecutiveBatchSampler::ConsecutiveBatchSampler(std::shared_ptr<const Sampler> sampler, int64_t batch_size,
                                                 bool drop_last)
    : sampler_(std::move(sampler)), batch_size_(batch_size), drop_last_(drop_last) {
  if (sampler_ == nullptr) throw UsageError("a batch sampler must have a sampler to take from, but has none");
  if (batch_size < 1) throw UsageError(concat("batch_size must be at least 1, but is ", batch_size));
}

std::vector<std::vector<int64_t>> ConsecutiveBatchSampler::batches(int64_t epoch) const {
  const std::vector<int64_t> order = sampler_->order(epoch);
  std::vector<std::vector<int64_t>> batches;
  const auto size = static_cast<std::ptrdiff_t>(batch_size_);
  for (auto begin = order.begin(); begin != order.end();) {
    const auto end = begin + std::min(size, order.end() - begin);
    if (end - begin == size || !drop_last_) batches.emplace_back(begin, end);
    begin = end;
  }
  return batches;
}

}  // namespace fabric
