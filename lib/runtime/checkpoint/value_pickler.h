#pragma once

#include <c10/core/Storage.h>

#include <string>
#include <vector>

#include "fabric/value.h"

namespace fabric {

/// Memory on the CPU that tensors of a pickle refer to; the first `bytes` of it count.
struct PickledStorage {
  c10::Storage storage;
  size_t bytes = 0;
};

/// A value as torch.load reads it: the pickle, and the storages that it names by their position.
struct PickledValue {
  std::string bytes;
  std::vector<PickledStorage> storages;
};

/// Pickles `value`, by protocol 2, so that torch.load(weights_only=True) reads it. Tensors that share a storage and a dtype
/// share it in the pickle, and views keep their strides. In a dict that is an optimizer's state (it has "state" and
/// "param_groups"), the keys of "state" that are decimal numbers are written as integers, as Python's optimizers want them.
///
/// Throws UsageError for a tensor that is undefined, sparse, quantised, without memory, or of a dtype that checkpoints do not
/// have, and for trees deeper than 100 levels.
PickledValue pickle_value(const Value& value);

}  // namespace fabric
