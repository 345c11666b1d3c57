#include "runtime/checkpoint/pickle_rebuild.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <array>
#include <string_view>
#include <utility>

#include "core/concat.h"
#include "runtime/checkpoint/torch_dtypes.h"

namespace fabric {
namespace {

using Kind = PickleNode::Kind;
using Problem = std::optional<std::string>;

Problem to_extents(const PickleNode& node, const char* what, std::vector<int64_t>& extents) {
  if (node.kind != Kind::kTuple) return concat("a tensor's ", what, " must be a tuple");
  for (const PickleNode* item : node.items) {
    if (item->kind != Kind::kInt || item->integer < 0)
      return concat("a tensor's ", what, " must be numbers of at least 0");
    extents.push_back(item->integer);
  }
  return std::nullopt;
}

/// Returns how many elements of a storage a tensor needs; nothing if that does not fit into 64 bits.
std::optional<int64_t> elements_needed(int64_t offset, const std::vector<int64_t>& sizes,
                                       const std::vector<int64_t>& strides) {
  int64_t last = offset;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) return 0;
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    int64_t span = 0;
    if (__builtin_mul_overflow(sizes[i] - 1, strides[i], &span)) return std::nullopt;
    if (__builtin_add_overflow(last, span, &last)) return std::nullopt;
  }
  return __builtin_add_overflow(last, 1, &last) ? std::nullopt : std::optional<int64_t>(last);
}

/// Whether the tensor's bytes can be counted, also where it repeats elements by strides of 0.
bool can_be_counted(const std::vector<int64_t>& sizes, size_t element_bytes) {
  auto bytes = static_cast<int64_t>(element_bytes);
  for (const int64_t size : sizes) {
    if (__builtin_mul_overflow(bytes, size, &bytes)) return false;
  }
  return true;
}

/// Checks the arguments of _rebuild_tensor_v2, or of _v3 where a dtype is named.
Problem check_tensor_arguments(const PickleNode& arguments, bool names_dtype) {
  const auto& items = arguments.items;
  const size_t least = names_dtype ? 7 : 6;
  if (items.size() < least || items.size() > least + 1) {
    return concat("a tensor must be rebuilt from ", least, " or ", least + 1, " arguments");
  }
  if (items[0]->kind != Kind::kStorage || items[1]->kind != Kind::kInt || items[1]->integer < 0) {
    return "a tensor must have a storage and an offset of at least 0";
  }
  if (names_dtype && (items[6]->kind != Kind::kGlobal || items[6]->global != PickleGlobal::kDtype)) {
    return "a tensor's dtype must be one of torch's";
  }
  if (items.size() == least + 1 && items[least]->kind != Kind::kNone && !items[least]->items.empty()) {
    return "a tensor with a conjugate or negative bit cannot be read; save it with resolve_conj() and resolve_neg()";
  }
  return std::nullopt;
}

Problem rebuild_tensor(const PickleNode& arguments, bool names_dtype, const LoadStorage& load_storage,
                       PickleNode& node) {
  if (Problem problem = check_tensor_arguments(arguments, names_dtype)) return problem;
  const PickleNode& storage = *arguments.items[0];
  const at::ScalarType dtype = names_dtype ? arguments.items[6]->dtype : storage.dtype;
  const int64_t offset = arguments.items[1]->integer;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
  if (Problem problem = to_extents(*arguments.items[2], "size", sizes)) return problem;
  if (Problem problem = to_extents(*arguments.items[3], "stride", strides)) return problem;
  if (sizes.size() != strides.size()) return "a tensor must have a stride for each size";
  const std::optional<int64_t> needed = elements_needed(offset, sizes, strides);
  const auto bytes = static_cast<uint64_t>(storage.integer) * c10::elementSize(storage.dtype);
  const size_t element_bytes = c10::elementSize(dtype);
  const bool is_possible = can_be_counted(sizes, element_bytes) && needed;
  if (!is_possible || static_cast<uint64_t>(*needed) > bytes / element_bytes) {
    return concat("a tensor reaches beyond its storage '", storage.text, "' of ", storage.integer, " elements");
  }
  const LoadedStorage data = load_storage(storage.text, bytes);
  node.kind = Kind::kTensor;
  node.tensor = at::empty({0}, at::TensorOptions(dtype)).set_(data.storage, offset, sizes, strides);
  node.verify = data.verify;
  return std::nullopt;
}

Problem rebuild_parameter(const PickleNode& arguments, PickleNode& node) {
  if (arguments.items.empty() || arguments.items[0]->kind != Kind::kTensor) return "a parameter must hold a tensor";
  node.kind = Kind::kTensor;
  node.tensor = arguments.items[0]->tensor;
  node.verify = arguments.items[0]->verify;
  return std::nullopt;
}

Problem rebuild_counter(const PickleNode& arguments, PickleNode& node) {
  if (arguments.items.size() != 1 || arguments.items[0]->kind != Kind::kDict)
    return "a Counter must be made from a dict";
  node.kind = Kind::kDict;
  node.items = arguments.items[0]->items;
  return std::nullopt;
}

}  // namespace

bool find_pickle_global(const std::string& name, PickleNode& node) {
  static constexpr std::array<std::pair<const char*, PickleGlobal>, 6> kFunctions = {{
      {"collections.OrderedDict", PickleGlobal::kOrderedDict},
      {"collections.Counter", PickleGlobal::kCounter},
      {"torch._utils._rebuild_tensor_v2", PickleGlobal::kRebuildTensor},
      {"torch._utils._rebuild_tensor_v3", PickleGlobal::kRebuildTensorOfDtype},
      {"torch._utils._rebuild_parameter", PickleGlobal::kRebuildParameter},
      {"torch.Size", PickleGlobal::kSize},
  }};
  node.kind = Kind::kGlobal;
  for (const auto& [known, global] : kFunctions) {
    if (name == known) return node.global = global, true;
  }
  const std::string_view full = name;
  constexpr std::string_view kTorch = "torch.";
  if (full == "torch.storage.UntypedStorage") return node.global = PickleGlobal::kStorage, node.dtype = at::kByte, true;
  if (!full.starts_with(kTorch)) return false;
  for (const auto& [known, dtype] : kStorageTypes) {
    if (full.substr(kTorch.size()) == known) return node.global = PickleGlobal::kStorage, node.dtype = dtype, true;
  }
  for (const auto& [known, dtype] : kUntypedDtypes) {
    if (full.substr(kTorch.size()) == known) return node.global = PickleGlobal::kDtype, node.dtype = dtype, true;
  }
  return false;
}

Problem rebuild_storage(const PickleNode& id, PickleNode& node) {
  const auto& items = id.items;
  const bool valid = id.kind == Kind::kTuple && items.size() == 5 && items[0]->text == "storage" &&
                     items[1]->kind == Kind::kGlobal && items[1]->global == PickleGlobal::kStorage &&
                     items[2]->kind == Kind::kString && items[4]->kind == Kind::kInt;
  if (!valid) return "a persistent id must be ('storage', type, key, location, elements)";
  // One element is at most 16 bytes: the product below stays within 64 bits.
  if (items[4]->integer < 0 || items[4]->integer > (int64_t{1} << 58)) return "a storage must have 0 to 2^58 elements";
  node.kind = Kind::kStorage;
  node.dtype = items[1]->dtype;
  node.text = items[2]->text;
  node.integer = items[4]->integer;
  return std::nullopt;
}

Problem rebuild_call(const PickleNode& function, const PickleNode& arguments, const LoadStorage& load_storage,
                     PickleNode& node) {
  if (function.kind != Kind::kGlobal || arguments.kind != Kind::kTuple) {
    return "a call must name a function and its arguments";
  }
  switch (function.global) {
    case PickleGlobal::kRebuildTensor:
      return rebuild_tensor(arguments, /*names_dtype=*/false, load_storage, node);
    case PickleGlobal::kRebuildTensorOfDtype:
      return rebuild_tensor(arguments, /*names_dtype=*/true, load_storage, node);
    case PickleGlobal::kCounter:
      return rebuild_counter(arguments, node);
    case PickleGlobal::kRebuildParameter:
      return rebuild_parameter(arguments, node);
    case PickleGlobal::kOrderedDict:
      if (!arguments.items.empty()) return "an OrderedDict must begin empty";
      node.kind = Kind::kDict;
      return std::nullopt;
    case PickleGlobal::kSize:
      if (arguments.items.size() != 1) return "torch.Size must have one argument";
      node.kind = Kind::kTuple;
      node.items = arguments.items[0]->items;
      return std::nullopt;
    case PickleGlobal::kStorage:
    case PickleGlobal::kDtype:
      break;
  }
  return "a type cannot be called";
}

}  // namespace fabric
