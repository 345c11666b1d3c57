#include "fabric/collate.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include <algorithm>

#include "core/concat.h"
#include "fabric/data_loader.h"
#include "fabric/error.h"

namespace fabric::detail {
namespace {

template <class Number, class Numbers>
at::Tensor copy_numbers(const Numbers& numbers) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(numbers.size())}, c10::CppTypeToScalarType<Number>::value);
  std::copy(numbers.begin(), numbers.end(), tensor.data_ptr<Number>());
  return tensor;
}

}  // namespace

at::Tensor stack_samples(const std::vector<at::Tensor>& samples) {
  for (const at::Tensor& sample : samples) {
    if (sample.sizes() == samples.front().sizes()) continue;
    throw_unequal_samples(
        concat("tensors of one shape (here ", samples.front().sizes(), " and ", sample.sizes(), ")").c_str());
  }
  return at::stack(samples);
}

at::Tensor tensor_of(const std::vector<bool>& numbers) { return copy_numbers<bool>(numbers); }
at::Tensor tensor_of(const std::vector<int64_t>& numbers) { return copy_numbers<int64_t>(numbers); }
at::Tensor tensor_of(const std::vector<float>& numbers) { return copy_numbers<float>(numbers); }
at::Tensor tensor_of(const std::vector<double>& numbers) { return copy_numbers<double>(numbers); }

void throw_unequal_samples(const char* what) {
  throw UsageError(
      concat("samples of a batch must be ", what, ", but differ; give the dataset a collate() that pads them"));
}

void move_tensor(at::Tensor& tensor, const c10::Device& device) {
  if (tensor.defined()) tensor = tensor.to(device, tensor.scalar_type(), /*non_blocking=*/true);
}

}  // namespace fabric::detail
