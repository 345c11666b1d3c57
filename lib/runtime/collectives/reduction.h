#pragma once

#include <ATen/core/Tensor.h>

#include "fabric/collective.h"

namespace fabric {

/// Throws UsageError unless `tensor` can be reduced with `op`: defined, dense, neither bool nor complex, and no integers
/// for the mean. The same on every collective, so that a program that runs on one rank runs on many.
void check_reducible(const at::Tensor& tensor, ReduceOp op);

}  // namespace fabric
