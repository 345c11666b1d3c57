#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fabric/checkpoint_io.h"
#include "fabric/value.h"
#include "runtime/checkpoint/safetensors_file.h"

namespace fabric {

/// A value as safetensors holds it: named tensors, contiguous and on the CPU, and the text, in JSON, of the tree whose leaves
/// they are.
struct FlatValue {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  std::string tree;
};

/// The key of the tree's text in a header's __metadata__.
constexpr const char* kTreeKey = "fabric";

/// Names each tensor by the keys on the way to it, joined by '.'. Throws UsageError for tensors that safetensors cannot hold,
/// for two of one name, for text that is not UTF-8, and for trees deeper than 100 levels.
FlatValue flatten(const Value& value);

/// Returns the value whose tree stands in the file. Throws SystemError if it is damaged.
Value unflatten(const std::shared_ptr<const SafetensorsFile>& file, Verify verify);

}  // namespace fabric
