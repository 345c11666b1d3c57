#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <vector>

namespace fabric {

/// What a global of a pickle stands for: the few that checkpoints need.
enum class PickleGlobal { kOrderedDict, kRebuildTensor, kRebuildParameter, kSize, kStorage };

/// An object while a pickle is read. Pickles refer to objects by identity and fill them after they were referred to, so
/// this is a graph that becomes a tree only at the end.
struct PickleNode {
  enum class Kind { kNone, kBool, kInt, kDouble, kString, kList, kDict, kTuple, kTensor, kGlobal, kStorage, kMark };

  Kind kind = Kind::kNone;
  int64_t integer = 0;  ///< of a bool, an int; elements of a storage
  double real = 0;
  std::string text;                ///< of a string; key of a storage
  std::vector<PickleNode*> items;  ///< a dict's keys and values in turn
  at::Tensor tensor;
  PickleGlobal global = PickleGlobal::kOrderedDict;
  at::ScalarType dtype = at::ScalarType::Float;  ///< of a storage, and of the global of its type
};

}  // namespace fabric
