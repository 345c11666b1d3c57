#include "fabric/batch_builder.h"

#include <ATen/EmptyTensor.h>
#include <ATen/ops/stack.h>

#include <cstring>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric::detail {
namespace {

/// Returns whether the values of `sample` are bytes that may be copied.
bool is_plain(const at::Tensor& sample) {
  return sample.defined() && sample.is_cpu() && sample.layout() == at::kStrided && !sample.is_quantized() &&
         !sample.is_conj() && !sample.is_neg() && !sample.is_nested();
}

void check_shape(at::IntArrayRef first, at::IntArrayRef other) {
  if (first == other) return;
  throw_unequal_samples(concat("tensors of one shape (here ", first, " and ", other, ")").c_str());
}

}  // namespace

void throw_unequal_samples(const char* what) {
  throw UsageError(concat("samples of a batch must be ", what,
                          ", but differ; give tensors of unequal lengths as fabric::Ragged, which are padded, or the "
                          "dataset a collate() of its own"));
}

at::Tensor new_numbers(size_t count, c10::ScalarType type) {
  const auto size = static_cast<int64_t>(count);
  return at::detail::empty_cpu(at::IntArrayRef(&size, 1), type);
}

void TensorBuilder::begin(const at::Tensor& sample) {
  if (!is_plain(sample)) return;
  c10::SmallVector<int64_t, 6> sizes{count_};
  sizes.append(sample.sizes().begin(), sample.sizes().end());
  batch_ = at::detail::empty_cpu(sizes, sample.scalar_type());
  keys_ = sample.key_set();
  data_ = static_cast<char*>(batch_.data_ptr());
  sample_bytes_ = sample.nbytes();
}

void TensorBuilder::stop_copying() {
  for (int64_t i = 0; i < added_; ++i) uncopied_.push_back(batch_.select(0, i));
  batch_ = at::Tensor();
}

void TensorBuilder::add(const at::Tensor& sample) {
  if (added_ == 0) begin(sample);
  // Tensors with the first one's keys are as plain as it is.
  const bool is_like_first = batch_.defined() && sample.defined() && sample.key_set() == keys_;
  if (batch_.defined() && !((is_like_first || is_plain(sample)) && sample.scalar_type() == batch_.scalar_type())) {
    stop_copying();
  }
  if (!batch_.defined()) {
    if (!uncopied_.empty()) check_shape(uncopied_.front().sizes(), sample.sizes());
    uncopied_.push_back(sample);
  } else {
    check_shape(batch_.sizes().slice(1), sample.sizes());
    if (!sample.is_contiguous()) {
      batch_.select(0, added_).copy_(sample);
    } else if (sample_bytes_ > 0) {
      std::memcpy(data_ + static_cast<size_t>(added_) * sample_bytes_, sample.const_data_ptr(), sample_bytes_);
    }
  }
  ++added_;
}

at::Tensor TensorBuilder::finish() {
  if (!batch_.defined()) return at::stack(uncopied_);
  return added_ == count_ ? std::move(batch_) : batch_.narrow(0, 0, added_);
}

}  // namespace fabric::detail
