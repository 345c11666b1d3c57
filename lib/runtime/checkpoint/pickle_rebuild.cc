#include "runtime/checkpoint/pickle_rebuild.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <array>
#include <utility>

#include "core/concat.h"

namespace fabric {
namespace {

using Kind = PickleNode::Kind;
using Problem = std::optional<std::string>;

constexpr std::array<std::pair<const char*, at::ScalarType>, 12> kStorageTypes = {{
    {"torch.FloatStorage", at::kFloat},
    {"torch.DoubleStorage", at::kDouble},
    {"torch.HalfStorage", at::kHalf},
    {"torch.BFloat16Storage", at::kBFloat16},
    {"torch.LongStorage", at::kLong},
    {"torch.IntStorage", at::kInt},
    {"torch.ShortStorage", at::kShort},
    {"torch.CharStorage", at::kChar},
    {"torch.ByteStorage", at::kByte},
    {"torch.BoolStorage", at::kBool},
    {"torch.ComplexFloatStorage", at::kComplexFloat},
    {"torch.ComplexDoubleStorage", at::kComplexDouble},
}};

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

Problem check_tensor_arguments(const PickleNode& arguments) {
  const auto& items = arguments.items;
  if (items.size() < 6 || items.size() > 7) return "_rebuild_tensor_v2 must have 6 or 7 arguments";
  if (items[0]->kind != Kind::kStorage || items[1]->kind != Kind::kInt || items[1]->integer < 0) {
    return "a tensor must have a storage and an offset of at least 0";
  }
  if (items.size() == 7 && items[6]->kind != Kind::kNone && !items[6]->items.empty()) {
    return "a tensor with a conjugate or negative bit cannot be read; save it with resolve_conj() and resolve_neg()";
  }
  return std::nullopt;
}

Problem rebuild_tensor(const PickleNode& arguments, const LoadStorage& load_storage, PickleNode& node) {
  if (Problem problem = check_tensor_arguments(arguments)) return problem;
  const PickleNode& storage = *arguments.items[0];
  const int64_t offset = arguments.items[1]->integer;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
  if (Problem problem = to_extents(*arguments.items[2], "size", sizes)) return problem;
  if (Problem problem = to_extents(*arguments.items[3], "stride", strides)) return problem;
  const std::optional<int64_t> needed = elements_needed(offset, sizes, strides);
  const size_t element_bytes = c10::elementSize(storage.dtype);
  const bool is_possible = sizes.size() == strides.size() && can_be_counted(sizes, element_bytes) && needed;
  if (!is_possible || *needed > storage.integer) {
    return concat("a tensor reaches beyond its storage '", storage.text, "' of ", storage.integer, " elements");
  }
  const auto bytes = static_cast<uint64_t>(storage.integer) * element_bytes;
  const c10::Storage data = load_storage(storage.text, bytes);
  node.kind = Kind::kTensor;
  node.tensor = at::empty({0}, at::TensorOptions(storage.dtype)).set_(data, offset, sizes, strides);
  return std::nullopt;
}

Problem rebuild_parameter(const PickleNode& arguments, PickleNode& node) {
  if (arguments.items.empty() || arguments.items[0]->kind != Kind::kTensor) return "a parameter must hold a tensor";
  node.kind = Kind::kTensor;
  node.tensor = arguments.items[0]->tensor;
  return std::nullopt;
}

}  // namespace

bool find_pickle_global(const std::string& name, PickleNode& node) {
  node.kind = Kind::kGlobal;
  if (name == "collections.OrderedDict") return node.global = PickleGlobal::kOrderedDict, true;
  if (name == "torch._utils._rebuild_tensor_v2") return node.global = PickleGlobal::kRebuildTensor, true;
  if (name == "torch._utils._rebuild_parameter") return node.global = PickleGlobal::kRebuildParameter, true;
  if (name == "torch.Size") return node.global = PickleGlobal::kSize, true;
  for (const auto& [storage, dtype] : kStorageTypes) {
    if (name != storage) continue;
    node.global = PickleGlobal::kStorage;
    node.dtype = dtype;
    return true;
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
      return rebuild_tensor(arguments, load_storage, node);
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
      break;
  }
  return "a type of storage cannot be called";
}

}  // namespace fabric
