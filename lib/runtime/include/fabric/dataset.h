#pragma once

#include <ATen/core/Generator.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "fabric/export.h"

namespace fabric {

/// What a dataset is told about the sample that it is to give.
struct SampleContext {
  /// Seeded from (seed, epoch, index): random transforms that draw from it give the same data whatever the number of worker
  /// threads, and after a resume. LibTorch's default generator, which worker threads share, does not.
  at::Generator& generator;
  int64_t epoch;
  int64_t index;  ///< the sample's, as get() is told
};

/// A dataset with random transforms.
template <class D>
concept ContextDataset = requires(const D& dataset, SampleContext& context) {
  dataset.get(size_t{}, context);
};

/// A dataset whose samples are always the same.
template <class D>
concept PlainDataset = requires(const D& dataset) {
  dataset.get(size_t{});
};

/// What setup_dataloader() takes: `size() const` and `get(size_t index) const` or `get(size_t index, SampleContext&) const`.
/// One object serves all worker threads, which call get() at the same time.
///
/// With a member `collate(std::vector<Sample>) const` it makes its batches itself; else Collate<Sample> does.
template <class D>
concept Dataset = (ContextDataset<D> || PlainDataset<D>)&&requires(const D& dataset) {
  { dataset.size() } -> std::convertible_to<size_t>;
};

/// Returns the sample `index` of `dataset`.
template <Dataset D>
auto get_sample(const D& dataset, size_t index, SampleContext& context) {
  if constexpr (ContextDataset<D>) {
    return dataset.get(index, context);
  } else {
    return dataset.get(index);
  }
}

template <Dataset D>
using SampleOf = std::decay_t<decltype(get_sample(std::declval<const D&>(), size_t{}, std::declval<SampleContext&>()))>;

namespace detail {

/// Returns a generator for the CPU, to be seeded before each sample.
FABRIC_API at::Generator make_sample_generator();
/// Seeds `generator` for one sample.
FABRIC_API void seed_sample_generator(at::Generator& generator, uint64_t seed, int64_t epoch, int64_t index);

}  // namespace detail

}  // namespace fabric
