#include "fabric/sampler.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randperm.h>

#include <algorithm>
#include <numeric>

namespace fabric {

Sampler::~Sampler() = default;

std::vector<int64_t> SequentialSampler::order(int64_t) const {
  std::vector<int64_t> indices(static_cast<size_t>(size_));
  std::iota(indices.begin(), indices.end(), int64_t{0});
  return indices;
}

std::vector<int64_t> RandomSampler::order(int64_t epoch) const {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(seed_ + static_cast<uint64_t>(epoch));
  const at::Tensor permutation = at::randperm(size_, generator, at::TensorOptions(at::kLong));
  const int64_t* begin = permutation.const_data_ptr<int64_t>();
  return {begin, begin + size_};
}

std::vector<int64_t> rank_share(const std::vector<int64_t>& order, Strategy::DataShare share, Remainder remainder,
                                int64_t start) {
  const auto size = static_cast<int64_t>(order.size());
  const int64_t replicas = share.num_replicas;
  const int64_t left = std::max<int64_t>(size - start, 0);
  int64_t given = left;
  if (remainder == Remainder::kPad) given = (left + replicas - 1) / replicas * replicas;
  if (remainder == Remainder::kDrop) given = left / replicas * replicas;
  std::vector<int64_t> indices;
  indices.reserve(static_cast<size_t>(given / replicas + 1));
  // What lies past the end is the padding: the epoch's head, again and again if it is shorter than that.
  for (int64_t i = share.rank; i < given; i += replicas)
    indices.push_back(order[static_cast<size_t>((start + i) % size)]);
  return indices;
}

}  // namespace fabric
