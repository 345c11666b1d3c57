#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "fabric/export.h"

namespace fabric::detail {

/// Throws UsageError that says that the samples of a batch must be `what`.
[[noreturn]] FABRIC_API void throw_unequal_samples(const char* what);

/// Returns an uninitialised tensor of the CPU.
FABRIC_API at::Tensor new_numbers(size_t count, c10::ScalarType type);

/// Copies tensors of one shape into a batch as they come.
class FABRIC_API TensorBuilder {
 public:
  explicit TensorBuilder(size_t count) : count_(static_cast<int64_t>(count)) {}
  /// Throws UsageError that names both shapes if it differs from the first one's.
  void add(const at::Tensor& sample);
  at::Tensor finish();

 private:
  void begin(const at::Tensor& sample);
  /// Goes on with what at::stack() takes, for tensors that cannot be copied as bytes: sparse, of a device, of several types.
  void stop_copying();

  int64_t count_;
  int64_t added_ = 0;
  at::Tensor batch_;
  c10::DispatchKeySet keys_;  ///< of the first sample
  char* data_ = nullptr;
  size_t sample_bytes_ = 0;
  std::vector<at::Tensor> uncopied_;
};

/// Writes numbers into a tensor as they come.
template <class T>
class NumberBuilder {
 public:
  using Number = std::conditional_t<std::integral<T> && !std::same_as<T, bool>, int64_t, T>;

  explicit NumberBuilder(size_t count)
      : numbers_(new_numbers(count, c10::CppTypeToScalarType<Number>::value)),
        data_(static_cast<Number*>(numbers_.data_ptr())) {}
  void add(T sample) { data_[added_++] = static_cast<Number>(sample); }
  at::Tensor finish() { return added_ == numbers_.numel() ? std::move(numbers_) : numbers_.narrow(0, 0, added_); }

 private:
  at::Tensor numbers_;
  Number* data_;
  int64_t added_ = 0;
};

}  // namespace fabric::detail
