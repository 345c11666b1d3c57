#include "runtime/optim/fused_batch.h"

#include <ATen/ops/empty_like.h>
#include <c10/core/GradMode.h>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric::optim {
namespace {

/// Whether elements of equal index lie at equal places. The stride of a dimension of one element means nothing.
bool same_layout(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return false;
  for (int64_t i = 0; i < a.dim(); ++i) {
    if (a.size(i) != 1 && a.stride(i) != b.stride(i)) return false;
  }
  return true;
}

at::Tensor with_layout_of(const at::Tensor& wanted, const at::Tensor& tensor) {
  return same_layout(wanted, tensor) ? tensor : at::empty_like(wanted).copy_(tensor);
}

}  // namespace

void FusedBatch::add(const at::Tensor& parameter, std::initializer_list<at::Tensor*> state) {
  at::Tensor work = parameter;
  if (!parameter.is_non_overlapping_and_dense()) {
    work = parameter.contiguous();
    copies_.emplace_back(parameter, work);
  }
  parameters.push_back(work);
  gradients.push_back(with_layout_of(work, parameter.grad()));
  states.resize(state.size());
  size_t i = 0;
  for (at::Tensor* const tensor : state) {
    if (tensor->defined()) states[i].push_back(*tensor = with_layout_of(work, *tensor));
    ++i;
  }
}

void FusedBatch::finish() const {
  for (const auto& [parameter, work] : copies_) parameter.copy_(work);
}

void check_fusable(const at::Tensor& parameter) {
  if (parameter.layout() != c10::kStrided || !parameter.is_floating_point()) {
    throw UsageError(concat("a parameter of a fused optimizer must be a dense floating-point tensor, but one is ",
                            parameter.toString(), "; use the class of the same name in torch::optim"));
  }
  if (parameter.grad().layout() != c10::kStrided) {
    throw UsageError(
        "a gradient of a fused optimizer must be dense, but one is sparse; use the class of the same name in torch::optim");
  }
}

at::Tensor evaluate(const torch::optim::Optimizer::LossClosure& closure) {
  if (!closure) return {};
  const at::AutoGradMode with_gradients(true);
  return closure();
}

}  // namespace fabric::optim
