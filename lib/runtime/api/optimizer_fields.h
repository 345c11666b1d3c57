#pragma once

#include <ATen/core/Tensor.h>

#include <initializer_list>

#include "fabric/value.h"

namespace fabric {

// What the layouts of all classes of optimizers have in common.

/// Writes the number of steps as Python does; exact up to 2^24.
Value save_step(int64_t step);
/// Throws UsageError unless `state` has a number of steps.
int64_t load_step(const Value& state);

void save_tensor(Dict& dict, const char* key, const at::Tensor& tensor);
/// Throws UsageError unless `state` has a tensor `key` of the shape of `parameter`.
void check_tensor(const Value& state, const char* key, const at::Tensor& parameter);
/// As check_tensor(), but `state` may also lack it.
void check_optional(const Value& state, const char* key, const at::Tensor& parameter);
/// Copies the tensor `key` of `state`, which was checked, into `field`: a new one with device, dtype and strides of `parameter`
/// unless there is such a one already. Leaves it undefined where the state has none.
void load_tensor(const Value& state, const char* key, const at::Tensor& parameter, at::Tensor& field);

/// Adds what Python's groups hold beside: ways of computing that have no meaning here, at Python's defaults, but for "fused".
void add_python_options(Dict& group, std::initializer_list<const char*> flags, bool fused = false);
/// Throws UsageError where the checkpoint's optimizer maximised.
void refuse_maximize(const Value& group);

}  // namespace fabric
