#pragma once

#include <type_traits>
#include <utility>
#include <vector>

#include "fabric/collate.h"
#include "fabric/dataset.h"
#include "fabric/stream.h"

namespace fabric {

/// What setup_dataloader() takes.
template <class D>
concept Dataset = IndexedDataset<D> || StreamedDataset<D>;

namespace detail {

template <class D>
struct SampleType : IndexedSample<D> {};
template <StreamedDataset D>
struct SampleType<D> {
  using type = typename decltype(std::declval<StreamOf<D>&>().next())::value_type;
};

}  // namespace detail

/// The type of a dataset's samples; none where get_batch() gives whole batches.
template <Dataset D>
using SampleOf = typename detail::SampleType<D>::type;

/// A dataset that makes its batches itself.
template <class D>
concept CollatingDataset = Dataset<D> && requires(const D& dataset, std::vector<SampleOf<D>> samples) {
  dataset.collate(std::move(samples));
};

/// A dataset of whose samples Collate makes batches.
template <class D>
concept CollatableDataset = Dataset<D> && !CollatingDataset<D> && Collatable<SampleOf<D>>;

namespace detail {

template <Dataset D>
auto batch_type() {
  if constexpr (CollatingDataset<D>) {
    return std::type_identity<
        std::decay_t<decltype(std::declval<const D&>().collate(std::declval<std::vector<SampleOf<D>>>()))>>{};
  } else if constexpr (CollatableDataset<D>) {
    return std::type_identity<typename Collate<SampleOf<D>>::Batch>{};
  } else {
    static_assert(BatchDataset<D>, "a sample's type must be one that Collate knows, or the dataset have a collate()");
    return std::type_identity<
        std::decay_t<decltype(std::declval<D&>().get_batch(std::declval<const std::vector<size_t>&>()))>>{};
  }
}

}  // namespace detail

/// The type of a loader's batches.
template <Dataset D>
struct BatchOf : decltype(detail::batch_type<D>()) {};

namespace detail {

/// Makes a batch of a dataset's samples as they come, by its collate() or by Collate.
template <Dataset D>
class SampleCollector {
 public:
  /// `count` is the most that may come.
  SampleCollector(const D& /*dataset*/, size_t count) : builder_(count) {}
  void add(SampleOf<D>&& sample) { builder_.add(std::move(sample)); }
  typename BatchOf<D>::type finish() { return builder_.finish(); }

 private:
  BatchBuilder<SampleOf<D>> builder_;
};
template <CollatingDataset D>
class SampleCollector<D> {
 public:
  SampleCollector(const D& dataset, size_t count) : dataset_(dataset) { samples_.reserve(count); }
  void add(SampleOf<D>&& sample) { samples_.push_back(std::move(sample)); }
  typename BatchOf<D>::type finish() { return dataset_.collate(std::move(samples_)); }

 private:
  const D& dataset_;
  std::vector<SampleOf<D>> samples_;
};

}  // namespace detail

/// Wraps a dataset with a function that makes its batches: auto loader = fabric.setup_dataloader(collate_with(data, [](auto samples) { ... })).
/// The function takes a std::vector of samples and is called by several threads at once.
template <IndexedDataset D, class F>
class CollatedDataset {
 public:
  CollatedDataset(D dataset, F function) : dataset_(std::move(dataset)), function_(std::move(function)) {}

  auto size() const { return dataset_.size(); }
  auto get(size_t index, SampleContext& context) const requires ContextDataset<D> {
    return dataset_.get(index, context);
  }
  auto get(size_t index) const requires(PlainDataset<D> && !ContextDataset<D>) { return dataset_.get(index); }
  auto get(size_t index) requires MutableDataset<D> { return dataset_.get(index); }
  auto get_batch(const std::vector<size_t>& indices) requires BatchDataset<D> { return dataset_.get_batch(indices); }
  auto collate(std::vector<SampleOf<D>> samples) const { return function_(std::move(samples)); }
  const D& dataset() const { return dataset_; }

 private:
  D dataset_;
  F function_;
};

template <class D, class F>
requires IndexedDataset<D> && std::invocable<const F&, std::vector<SampleOf<D>>> CollatedDataset<D, F> collate_with(
    D dataset, F function) {
  return {std::move(dataset), std::move(function)};
}

}  // namespace fabric
