#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "fabric/export.h"

namespace fabric {

/// How samples of one type become a batch: `using Batch` and `static Batch collate(std::vector<Sample>)`. Known are
/// - tensors of equal shape: stacked in a new first dimension;
/// - numbers: a tensor; integers as int64, bool, float and double as they are;
/// - strings: a vector;
/// - pair, tuple, array, map, vector (of equal length in all samples) and anything with `data` and `target`, as
///   torch::data::Example: the same structure of batches.
/// Specialise it for your own types, or give the dataset a member collate().
template <class Sample>
struct Collate;

template <class Sample>
concept Collatable = requires(std::vector<Sample> samples) {
  { Collate<Sample>::collate(std::move(samples)) } -> std::same_as<typename Collate<Sample>::Batch>;
};

namespace detail {

/// Throws UsageError that names both shapes if two differ.
FABRIC_API at::Tensor stack_samples(const std::vector<at::Tensor>& samples);
FABRIC_API at::Tensor tensor_of(const std::vector<bool>& numbers);
FABRIC_API at::Tensor tensor_of(const std::vector<int64_t>& numbers);
FABRIC_API at::Tensor tensor_of(const std::vector<float>& numbers);
FABRIC_API at::Tensor tensor_of(const std::vector<double>& numbers);
[[noreturn]] FABRIC_API void throw_unequal_samples(const char* what);

/// Returns what `member` picks of each sample.
template <class Part, class Sample, class Member>
std::vector<Part> column(std::vector<Sample>& samples, Member member) {
  std::vector<Part> parts;
  parts.reserve(samples.size());
  for (Sample& sample : samples) parts.push_back(std::move(member(sample)));
  return parts;
}

}  // namespace detail

template <>
struct Collate<at::Tensor> {
  using Batch = at::Tensor;
  static Batch collate(std::vector<at::Tensor> samples) { return detail::stack_samples(samples); }
};

template <class T>
requires std::integral<T> || std::same_as<T, float> || std::same_as<T, double>
struct Collate<T> {
  using Batch = at::Tensor;
  static Batch collate(std::vector<T> samples) {
    using Number = std::conditional_t<std::integral<T> && !std::same_as<T, bool>, int64_t, T>;
    return detail::tensor_of(std::vector<Number>(samples.begin(), samples.end()));
  }
};

template <>
struct Collate<std::string> {
  using Batch = std::vector<std::string>;
  static Batch collate(std::vector<std::string> samples) { return samples; }
};

template <Collatable... T>
struct Collate<std::tuple<T...>> {
  using Batch = std::tuple<typename Collate<T>::Batch...>;
  static Batch collate(std::vector<std::tuple<T...>> samples) {
    return collate_columns(samples, std::index_sequence_for<T...>{});
  }

 private:
  template <size_t... I>
  static Batch collate_columns(std::vector<std::tuple<T...>>& samples, std::index_sequence<I...>) {
    return Batch(
        Collate<T>::collate(detail::column<T>(samples, [](auto& sample) -> T& { return std::get<I>(sample); }))...);
  }
};

template <Collatable A, Collatable B>
struct Collate<std::pair<A, B>> {
  using Batch = std::pair<typename Collate<A>::Batch, typename Collate<B>::Batch>;
  static Batch collate(std::vector<std::pair<A, B>> samples) {
    return {Collate<A>::collate(detail::column<A>(samples, [](auto& sample) -> A& { return sample.first; })),
            Collate<B>::collate(detail::column<B>(samples, [](auto& sample) -> B& { return sample.second; }))};
  }
};

template <Collatable T, size_t N>
struct Collate<std::array<T, N>> {
  using Batch = std::array<typename Collate<T>::Batch, N>;
  static Batch collate(std::vector<std::array<T, N>> samples) {
    Batch batch;
    for (size_t i = 0; i < N; ++i) {
      batch[i] = Collate<T>::collate(detail::column<T>(samples, [i](auto& sample) -> T& { return sample[i]; }));
    }
    return batch;
  }
};

template <Collatable T>
struct Collate<std::vector<T>> {
  using Batch = std::vector<typename Collate<T>::Batch>;
  static Batch collate(std::vector<std::vector<T>> samples) {
    const size_t size = samples.empty() ? 0 : samples.front().size();
    for (const auto& sample : samples) {
      if (sample.size() != size) detail::throw_unequal_samples("vectors of one length");
    }
    Batch batch;
    for (size_t i = 0; i < size; ++i) {
      batch.push_back(Collate<T>::collate(detail::column<T>(samples, [i](auto& sample) -> T& { return sample[i]; })));
    }
    return batch;
  }
};

template <class Key, Collatable T>
struct Collate<std::map<Key, T>> {
  using Batch = std::map<Key, typename Collate<T>::Batch>;
  static Batch collate(std::vector<std::map<Key, T>> samples) {
    Batch batch;
    if (samples.empty()) return batch;
    for (const auto& [key, first] : std::map<Key, T>(samples.front())) {
      for (const auto& sample : samples) {
        if (sample.size() != samples.front().size() || sample.count(key) == 0) {
          detail::throw_unequal_samples("maps with the same keys");
        }
      }
      batch.emplace(
          key, Collate<T>::collate(detail::column<T>(samples, [&](auto& sample) -> T& { return sample.at(key); })));
    }
    return batch;
  }
};

template <template <class, class> class Example, Collatable A, Collatable B>
requires requires(Example<A, B> example) {
  { example.data } -> std::same_as<A&>;
  { example.target } -> std::same_as<B&>;
}
struct Collate<Example<A, B>> {
  using Batch = Example<typename Collate<A>::Batch, typename Collate<B>::Batch>;
  static Batch collate(std::vector<Example<A, B>> samples) {
    return {Collate<A>::collate(detail::column<A>(samples, [](auto& sample) -> A& { return sample.data; })),
            Collate<B>::collate(detail::column<B>(samples, [](auto& sample) -> B& { return sample.target; }))};
  }
};

}  // namespace fabric
