#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fabric {

/// What a global of a pickle stands for: the few that checkpoints need.
enum class PickleGlobal {
  kOrderedDict,
  kCounter,
  kRebuildTensor,         ///< a tensor of the dtype of its storage
  kRebuildTensorOfDtype,  ///< a tensor of a dtype that came after typed storages
  kRebuildParameter,
  kSize,
  kStorage,
  kDtype,
};

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
  std::function<void()> verify;  ///< checks the tensor's data; empty if they were checked
  PickleGlobal global = PickleGlobal::kOrderedDict;
  at::ScalarType dtype = at::ScalarType::Float;  ///< of a storage, and of the global of its type, or of a dtype itself
};

}  // namespace fabric
