#pragma once

#include <ATen/core/Generator.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "fabric/export.h"

namespace fabric {

/// What a dataset is told about the sample that it is to give.
struct SampleContext {
  /// Seeded from (seed, epoch, index): random transforms that draw from it give the same data whatever the number of worker
  /// threads, and after a resume.
  at::Generator& generator;
  int64_t epoch;
  int64_t index;  ///< the sample's, as get() is told
};

/// A dataset with random transforms.
template <class D>
concept ContextDataset = requires(const D& dataset, SampleContext& context) {
  dataset.get(size_t{}, context);
};

/// A dataset whose samples depend on their index alone.
template <class D>
concept PlainDataset = requires(const D& dataset) {
  dataset.get(size_t{});
};

/// A dataset that changes when it is read, as LibTorch's may: torch::data::datasets::Dataset has a get() that is not const.
template <class D>
concept MutableDataset = !ContextDataset<D> && !PlainDataset<D> && std::copy_constructible<D> && requires(D & dataset) {
  dataset.get(size_t{});
};

/// A dataset that gives many samples at once, or a whole batch: `get_batch(indices)`, which takes a std::vector<size_t> or what
/// that converts to, as LibTorch's ArrayRef<size_t>. LibTorch's mapped datasets are such ones.
template <class D>
concept BatchDataset = !ContextDataset<D> && !PlainDataset<D> && !MutableDataset<D> &&
                       requires(D & dataset, const std::vector<size_t>& indices) {
  dataset.get_batch(indices);
};

namespace detail {

template <class T>
concept SizeLike = std::convertible_to<T, size_t> || std::same_as<T, std::optional<size_t>>;

/// Throws UsageError that says that the dataset does not know its size.
[[noreturn]] FABRIC_API void throw_unsized_dataset();

/// Whether one object may serve all threads.
template <class D>
inline constexpr bool kSharedByThreads =
    ContextDataset<D> || PlainDataset<D> ||
    (BatchDataset<D> && requires(const D& dataset, const std::vector<size_t>& indices) { dataset.get_batch(indices); });

}  // namespace detail

/// What setup_dataloader() takes whose samples have numbers: `size() const` and one of
/// - `get(size_t index) const` or `get(size_t index, SampleContext&) const`;
/// - `get_batch(indices)`: samples in a vector, or a batch as it is to be handed out;
/// - the same without const, as LibTorch's own: torch::data::datasets::MNIST, its .map(...), and classes derived from Dataset.
///
/// A dataset whose functions are const is one object for all worker threads, which call it at the same time. Of another, each
/// worker thread has a copy for each loop, as with LibTorch's loader.
///
/// With a member `collate(std::vector<Sample>) const` it makes its batches itself; else Collate<Sample> does.
///
/// What it draws from LibTorch's default generator of the CPU, in operators, comes from the sample's generator instead: the data
/// do not depend on the number of workers, and the trainer's own numbers not on the data. Calls that reach past operators are
/// not seen: torch::manual_seed() in a dataset seeds the trainer.
template <class D>
concept IndexedDataset = (ContextDataset<D> || PlainDataset<D> || MutableDataset<D> ||
                          BatchDataset<D>)&&requires(const D& dataset) {
  { dataset.size() } -> detail::SizeLike;
};

/// Returns the sample `index` of `dataset`.
template <IndexedDataset D>
auto get_sample(D& dataset, size_t index, SampleContext& context) {
  if constexpr (ContextDataset<D>) {
    return std::as_const(dataset).get(index, context);
  } else if constexpr (PlainDataset<D>) {
    return std::as_const(dataset).get(index);
  } else {
    return dataset.get(index);
  }
}

namespace detail {

template <class D>
int64_t size_of(const D& dataset) {
  if constexpr (std::convertible_to<decltype(dataset.size()), size_t>) {
    return static_cast<int64_t>(static_cast<size_t>(dataset.size()));
  } else {
    const std::optional<size_t> size = dataset.size();
    if (!size) throw_unsized_dataset();
    return static_cast<int64_t>(*size);
  }
}

template <class T>
struct ItemOf {};
template <class T>
struct ItemOf<std::vector<T>> {
  using type = T;
};

template <class D>
struct IndexedSample {
  using type = std::decay_t<decltype(get_sample(std::declval<D&>(), size_t{}, std::declval<SampleContext&>()))>;
};
template <class D>
requires BatchDataset<D>
struct IndexedSample<D>
    : ItemOf<std::decay_t<decltype(std::declval<D&>().get_batch(std::declval<const std::vector<size_t>&>()))>> {
};

}  // namespace detail

}  // namespace fabric
