#include "fabric/collective.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/collectives/reduction.h"

namespace fabric {
namespace {

struct NamedOp {
  std::string_view name;
  ReduceOp op;
};
constexpr std::array<NamedOp, 6> kNamedOps{{{"sum", ReduceOp::kSum},
                                            {"mean", ReduceOp::kMean},
                                            {"avg", ReduceOp::kMean},
                                            {"max", ReduceOp::kMax},
                                            {"min", ReduceOp::kMin},
                                            {"product", ReduceOp::kProduct}}};

}  // namespace

Collective::~Collective() = default;

ReduceOp reduce_op(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const NamedOp& entry : kNamedOps) {
    if (entry.name == lower) return entry.op;
  }
  throw UsageError(concat("reduce operation must be one of {avg, max, mean, min, product, sum}, but is '", name, "'"));
}

void check_reducible(const at::Tensor& tensor, ReduceOp op) {
  if (!tensor.defined()) throw UsageError("all_reduce needs a tensor, but got an undefined one");
  if (tensor.layout() != c10::kStrided) {
    throw UsageError("all_reduce needs a dense tensor, but got a sparse one; convert it with to_dense()");
  }
  if (tensor.scalar_type() == c10::kBool) {
    throw UsageError("all_reduce cannot reduce bool tensors; convert the tensor to an integer type first");
  }
  if (tensor.is_complex()) {
    throw UsageError("all_reduce cannot reduce complex tensors; reduce at::view_as_real() of it");
  }
  if (op == ReduceOp::kMean && !tensor.is_floating_point()) {
    throw UsageError(concat("the mean of an integer tensor (", c10::toString(tensor.scalar_type()),
                            ") would have to be rounded; sum it, or convert it to a floating type"));
  }
}

}  // namespace fabric
