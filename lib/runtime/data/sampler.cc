#include "fabric/sampler.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/multinomial.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {
namespace {

at::Generator generator_of(uint64_t seed, int64_t epoch) {
  return at::make_generator<at::CPUGeneratorImpl>(seed + static_cast<uint64_t>(epoch));
}

void append(std::vector<int64_t>& indices, const at::Tensor& drawn, int64_t count) {
  const int64_t* const begin = drawn.const_data_ptr<int64_t>();
  indices.insert(indices.end(), begin, begin + count);
}

at::Tensor permutation(int64_t size, const at::Generator& generator) {
  return at::randperm(size, generator, at::TensorOptions(at::kLong));
}

}  // namespace

Sampler::~Sampler() = default;

SequentialSampler::SequentialSampler(int64_t size) : size_(size) {
  if (size < 0) throw UsageError(concat("a sampler's size must be at least 0, but is ", size));
}

std::vector<int64_t> SequentialSampler::order(int64_t) const {
  std::vector<int64_t> indices(static_cast<size_t>(size_));
  std::iota(indices.begin(), indices.end(), int64_t{0});
  return indices;
}

RandomSampler::RandomSampler(int64_t size, uint64_t seed, const Draws& draws)
    : size_(size), seed_(seed), num_samples_(draws.num_samples.value_or(size)), replacement_(draws.replacement) {
  if (size < 0 || num_samples_ < 0 || (size == 0 && num_samples_ > 0)) {
    throw UsageError(concat("a sampler must draw at least 0 samples from at least 1, but is to draw ", num_samples_,
                            " from ", size));
  }
}

std::vector<int64_t> RandomSampler::order(int64_t epoch) const {
  const at::Generator generator = generator_of(seed_, epoch);
  std::vector<int64_t> indices;
  indices.reserve(static_cast<size_t>(num_samples_));
  constexpr int64_t kDrawnAtOnce = 32;  // as Python: the numbers depend on it
  while (static_cast<int64_t>(indices.size()) < num_samples_) {
    const int64_t left = num_samples_ - static_cast<int64_t>(indices.size());
    const int64_t count = std::min(left, replacement_ ? kDrawnAtOnce : size_);
    append(indices, replacement_ ? at::randint(size_, {count}, generator, at::kLong) : permutation(size_, generator),
           count);
  }
  return indices;
}

std::vector<int64_t> SubsetRandomSampler::order(int64_t epoch) const {
  std::vector<int64_t> indices;
  append(indices, permutation(size(), generator_of(seed_, epoch)), size());
  for (int64_t& index : indices) index = indices_[static_cast<size_t>(index)];
  return indices;
}

WeightedRandomSampler::WeightedRandomSampler(std::vector<double> weights, int64_t num_samples, uint64_t seed,
                                             bool replacement)
    : weights_(std::move(weights)), num_samples_(num_samples), seed_(seed), replacement_(replacement) {
  int64_t positive = 0;
  for (const double weight : weights_) {
    if (!std::isfinite(weight) || weight < 0) {
      throw UsageError(concat("a sampler's weights must be finite and at least 0, but one is ", weight));
    }
    positive += weight > 0 ? 1 : 0;
  }
  if (positive == 0) throw UsageError("one weight of a sampler must be positive, but none is");
  if (num_samples < 1 || (!replacement && num_samples > positive)) {
    throw UsageError(concat("num_samples must be at least 1 and, without replacement, at most the ", positive,
                            " weights that are not 0, but is ", num_samples));
  }
}

std::vector<int64_t> WeightedRandomSampler::order(int64_t epoch) const {
  const at::Tensor weights = at::tensor(weights_, at::kDouble);
  std::vector<int64_t> indices;
  append(indices, at::multinomial(weights, num_samples_, replacement_, generator_of(seed_, epoch)), num_samples_);
  return indices;
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
  for (int64_t i = share.rank; i < given; i += replicas) {
    const int64_t place = start + i;
    indices.push_back(order[static_cast<size_t>(place < size ? place : place % size)]);
  }
  return indices;
}

}  // namespace fabric
