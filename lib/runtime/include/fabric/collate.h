#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "fabric/batch_builder.h"
#include "fabric/export.h"

namespace fabric {

/// How samples of one type become a batch: `using Batch` and `static Batch collate(std::vector<Sample>)`. Known are
/// - tensors of equal shape: stacked in a new first dimension; of unequal lengths: Ragged (padding.h);
/// - numbers: a tensor; integers as int64, bool, float and double as they are;
/// - strings: a vector;
/// - pair, tuple, array, map, vector (of equal length in all samples), optional (there in all samples or in none) and anything
///   with `data` and `target`, as torch::data::Example: the same structure of batches;
/// - types whose members FABRIC_TENSORS names, all of them: the same type.
/// Specialise it for your own types, or give the dataset a member collate(), or wrap it with collate_with().
template <class Sample>
struct Collate;

template <class Sample>
concept Collatable = requires(std::vector<Sample> samples) {
  { Collate<Sample>::collate(std::move(samples)) } -> std::same_as<typename Collate<Sample>::Batch>;
};

namespace detail {

/// Keeps the samples for a Collate that has no builder: one of the user's.
template <class Sample>
class GatheringBuilder {
 public:
  explicit GatheringBuilder(size_t count) { samples_.reserve(count); }
  void add(Sample&& sample) { samples_.push_back(std::move(sample)); }
  auto finish() { return Collate<Sample>::collate(std::move(samples_)); }

 private:
  std::vector<Sample> samples_;
};

template <class Sample>
struct BuilderOf {
  using type = GatheringBuilder<Sample>;
};
template <class Sample>
requires requires { typename Collate<Sample>::Builder; }
struct BuilderOf<Sample> {
  using type = typename Collate<Sample>::Builder;
};

/// What makes a batch of samples that come one after the other, so that none has to be kept: made for the most that may come,
/// then add() for each and finish() once.
template <class Sample>
using BatchBuilder = typename BuilderOf<Sample>::type;

/// A Collate out of a builder.
template <class Sample, class SampleBuilder>
struct BuiltCollate {
  using Builder = SampleBuilder;
  using Batch = decltype(std::declval<Builder&>().finish());
  static Batch collate(std::vector<Sample> samples) {
    Builder builder(samples.size());
    for (auto&& sample : samples) builder.add(std::move(sample));
    return builder.finish();
  }
};

class StringBuilder {
 public:
  explicit StringBuilder(size_t count) { strings_.reserve(count); }
  void add(std::string&& sample) { strings_.push_back(std::move(sample)); }
  std::vector<std::string> finish() { return std::move(strings_); }

 private:
  std::vector<std::string> strings_;
};

template <class... T>
class TupleBuilder {
 public:
  explicit TupleBuilder(size_t count) : parts_(BatchBuilder<T>(count)...) {}
  void add(std::tuple<T...>&& sample) { add_parts(sample, std::index_sequence_for<T...>{}); }
  std::tuple<typename Collate<T>::Batch...> finish() { return finish_parts(std::index_sequence_for<T...>{}); }

 private:
  template <size_t... I>
  void add_parts(std::tuple<T...>& sample, std::index_sequence<I...>) {
    (std::get<I>(parts_).add(std::move(std::get<I>(sample))), ...);
  }
  template <size_t... I>
  std::tuple<typename Collate<T>::Batch...> finish_parts(std::index_sequence<I...>) {
    return {std::get<I>(parts_).finish()...};
  }

  std::tuple<BatchBuilder<T>...> parts_;
};

template <class A, class B>
class PairBuilder {
 public:
  explicit PairBuilder(size_t count) : first_(count), second_(count) {}
  void add(std::pair<A, B>&& sample) {
    first_.add(std::move(sample.first));
    second_.add(std::move(sample.second));
  }
  std::pair<typename Collate<A>::Batch, typename Collate<B>::Batch> finish() {
    return {first_.finish(), second_.finish()};
  }

 private:
  BatchBuilder<A> first_;
  BatchBuilder<B> second_;
};

template <class T, size_t N>
class ArrayBuilder {
 public:
  explicit ArrayBuilder(size_t count) : parts_(make(count, std::make_index_sequence<N>{})) {}
  void add(std::array<T, N>&& sample) {
    for (size_t i = 0; i < N; ++i) parts_[i].add(std::move(sample[i]));
  }
  std::array<typename Collate<T>::Batch, N> finish() {
    std::array<typename Collate<T>::Batch, N> batch;
    for (size_t i = 0; i < N; ++i) batch[i] = parts_[i].finish();
    return batch;
  }

 private:
  template <size_t... I>
  static std::array<BatchBuilder<T>, N> make(size_t count, std::index_sequence<I...>) {
    return {((void)I, BatchBuilder<T>(count))...};
  }

  std::array<BatchBuilder<T>, N> parts_;
};

template <class T>
class VectorBuilder {
 public:
  explicit VectorBuilder(size_t count) : count_(count) {}
  void add(std::vector<T>&& sample) {
    if (is_first_) {
      parts_.reserve(sample.size());
      for (size_t i = 0; i < sample.size(); ++i) parts_.emplace_back(count_);
    }
    is_first_ = false;
    if (sample.size() != parts_.size()) throw_unequal_samples("vectors of one length");
    for (size_t i = 0; i < sample.size(); ++i) parts_[i].add(std::move(sample[i]));
  }
  std::vector<typename Collate<T>::Batch> finish() {
    std::vector<typename Collate<T>::Batch> batch;
    batch.reserve(parts_.size());
    for (BatchBuilder<T>& part : parts_) batch.push_back(part.finish());
    return batch;
  }

 private:
  size_t count_;
  bool is_first_ = true;
  std::vector<BatchBuilder<T>> parts_;
};

template <class Key, class T>
class MapBuilder {
 public:
  explicit MapBuilder(size_t count) : count_(count) {}
  void add(std::map<Key, T>&& sample) {
    if (is_first_) {
      for (const auto& [key, item] : sample) parts_.try_emplace(key, count_);
    }
    is_first_ = false;
    if (sample.size() != parts_.size()) throw_unequal_samples("maps with the same keys");
    for (auto& [key, item] : sample) {
      const auto part = parts_.find(key);
      if (part == parts_.end()) throw_unequal_samples("maps with the same keys");
      part->second.add(std::move(item));
    }
  }
  std::map<Key, typename Collate<T>::Batch> finish() {
    std::map<Key, typename Collate<T>::Batch> batch;
    for (auto& [key, part] : parts_) batch.emplace(key, part.finish());
    return batch;
  }

 private:
  size_t count_;
  bool is_first_ = true;
  std::map<Key, BatchBuilder<T>> parts_;
};

template <class T>
class OptionalBuilder {
 public:
  explicit OptionalBuilder(size_t count) : count_(count) {}
  void add(std::optional<T>&& sample) {
    if (is_first_ && sample) part_.emplace(count_);
    is_first_ = false;
    if (sample.has_value() != part_.has_value()) throw_unequal_samples("all with an optional part or all without it");
    if (sample) part_->add(std::move(*sample));
  }
  std::optional<typename Collate<T>::Batch> finish() {
    if (!part_) return std::nullopt;
    return part_->finish();
  }

 private:
  size_t count_;
  bool is_first_ = true;
  std::optional<BatchBuilder<T>> part_;
};

/// For a template of two types with the members `data` and `target`.
template <template <class, class> class Example, class A, class B>
class ExampleBuilder {
 public:
  explicit ExampleBuilder(size_t count) : data_(count), target_(count) {}
  void add(Example<A, B>&& sample) {
    data_.add(std::move(sample.data));
    target_.add(std::move(sample.target));
  }
  Example<typename Collate<A>::Batch, typename Collate<B>::Batch> finish() {
    return {data_.finish(), target_.finish()};
  }

 private:
  BatchBuilder<A> data_;
  BatchBuilder<B> target_;
};

/// For a template of two types with the member `data` and no `target`.
template <template <class, class> class Example, class A, class None>
class DataBuilder {
 public:
  explicit DataBuilder(size_t count) : data_(count) {}
  void add(Example<A, None>&& sample) { data_.add(std::move(sample.data)); }
  Example<typename Collate<A>::Batch, None> finish() { return {data_.finish()}; }

 private:
  BatchBuilder<A> data_;
};

/// A type to which FABRIC_TENSORS was applied.
template <class T>
concept NamedTensors = std::default_initializable<T> && requires(const T* type) {
  fabric_tensor_members(type);
};

template <class T, class... Member>
class MembersBuilder {
 public:
  explicit MembersBuilder(size_t count) : parts_(BatchBuilder<Member>(count)...) {
    // A member that is not named would silently be that of one sample. Trees hold pointers, so there are no gaps between them.
    static_assert((sizeof(Member) + ... + 0) == sizeof(T),
                  "FABRIC_TENSORS must name all members of a sample's type, or Collate be specialised for it");
  }
  void add(T&& sample) { add_parts(sample, std::index_sequence_for<Member...>{}); }
  T finish() { return finish_parts(std::index_sequence_for<Member...>{}); }

 private:
  template <size_t... I>
  void add_parts(T& sample, std::index_sequence<I...>) {
    constexpr auto members = fabric_tensor_members(static_cast<const T*>(nullptr));
    (std::get<I>(parts_).add(std::move(sample.*std::get<I>(members))), ...);
  }
  template <size_t... I>
  T finish_parts(std::index_sequence<I...>) {
    constexpr auto members = fabric_tensor_members(static_cast<const T*>(nullptr));
    T batch;
    ((batch.*std::get<I>(members) = std::get<I>(parts_).finish()), ...);
    return batch;
  }

  std::tuple<BatchBuilder<Member>...> parts_;
};

template <class T, class... Member>
MembersBuilder<T, Member...> members_builder(const std::tuple<Member T::*...>&);

template <class T>
using MembersBuilderOf = decltype(members_builder<T>(fabric_tensor_members(static_cast<const T*>(nullptr))));

}  // namespace detail

template <>
struct Collate<at::Tensor> : detail::BuiltCollate<at::Tensor, detail::TensorBuilder> {};

template <class T>
requires std::integral<T> || std::same_as<T, float> || std::same_as<T, double>
struct Collate<T> : detail::BuiltCollate<T, detail::NumberBuilder<T>> {
};

template <>
struct Collate<std::string> : detail::BuiltCollate<std::string, detail::StringBuilder> {};

template <Collatable... T>
struct Collate<std::tuple<T...>> : detail::BuiltCollate<std::tuple<T...>, detail::TupleBuilder<T...>> {};

template <Collatable A, Collatable B>
struct Collate<std::pair<A, B>> : detail::BuiltCollate<std::pair<A, B>, detail::PairBuilder<A, B>> {};

template <Collatable T, size_t N>
struct Collate<std::array<T, N>> : detail::BuiltCollate<std::array<T, N>, detail::ArrayBuilder<T, N>> {};

template <Collatable T>
struct Collate<std::vector<T>> : detail::BuiltCollate<std::vector<T>, detail::VectorBuilder<T>> {};

template <class Key, Collatable T>
struct Collate<std::map<Key, T>> : detail::BuiltCollate<std::map<Key, T>, detail::MapBuilder<Key, T>> {};

template <Collatable T>
struct Collate<std::optional<T>> : detail::BuiltCollate<std::optional<T>, detail::OptionalBuilder<T>> {};

template <template <class, class> class Example, Collatable A, Collatable B>
requires requires(Example<A, B> example) {
  { example.data } -> std::same_as<A&>;
  { example.target } -> std::same_as<B&>;
}
struct Collate<Example<A, B>> : detail::BuiltCollate<Example<A, B>, detail::ExampleBuilder<Example, A, B>> {};

template <template <class, class> class Example, Collatable A, class None>
requires(!requires(Example<A, None> example) { example.target; }) && requires(Example<A, None> example) {
  { example.data } -> std::same_as<A&>;
}
struct Collate<Example<A, None>> : detail::BuiltCollate<Example<A, None>, detail::DataBuilder<Example, A, None>> {};

template <detail::NamedTensors T>
struct Collate<T> : detail::BuiltCollate<T, detail::MembersBuilderOf<T>> {};

}  // namespace fabric
