#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "fabric/value.h"

namespace fabric {

/// A value as torch.load reads it: the pickle, and for each storage that it names, by position, a tensor on the CPU that
/// has it.
struct PickledValue {
  std::string bytes;
  std::vector<at::Tensor> tensors;
};

/// Pickles `value` so that torch.load(weights_only=True) reads it. Tensors that share a storage share it in the pickle, and
/// views keep their strides. In a dict that is an optimizer's state (it has "state" and "param_groups"), the keys of
/// "state" that are decimal numbers are written as integers, as Python's optimizers want them.
///
/// Throws UsageError for a tensor that is undefined, sparse, quantised or without memory, and for trees deeper than 100
/// levels.
PickledValue pickle_value(const Value& value);

}  // namespace fabric
