#include "runtime/checkpoint/pickle_tree.h"

#include <unordered_map>

#include "core/concat.h"
#include "runtime/checkpoint/checkpoint_limits.h"

namespace fabric {
namespace {

using Kind = PickleNode::Kind;

}  // namespace

Value PickleTree::convert(const PickleNode& node) {
  if (nodes_left_-- == 0) throw SystemError(where_ + " is damaged: its tree is far larger than what describes it");
  switch (node.kind) {
    case Kind::kNone:
      return {};
    case Kind::kBool:
      return node.integer != 0;
    case Kind::kInt:
      return node.integer;
    case Kind::kDouble:
      return node.real;
    case Kind::kString:
      return node.text;
    case Kind::kTensor:
      return node.verify ? Value(DeferredTensor(node.tensor, node.verify)) : Value(node.tensor);
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
      break;
    default:
      throw UsageError(where_ +
                       ": a bare function, type or storage cannot be read; checkpoints hold numbers, strings, "
                       "tensors, lists and dicts only");
  }
  if (++depth_ > kMostLevels) {
    throw SystemError(
        concat(where_, ": the tree must have at most ", kMostLevels, " levels, but is deeper or contains itself"));
  }
  Value result = node.kind == Kind::kDict ? convert_dict(node) : convert_list(node);
  --depth_;
  return result;
}

Value PickleTree::convert_list(const PickleNode& node) {
  List list;
  list.reserve(node.items.size());
  for (const PickleNode* item : node.items) list.push_back(convert(*item));
  return list;
}

Value PickleTree::convert_dict(const PickleNode& node) {
  Dict dict;
  std::unordered_map<std::string, size_t> places;
  for (size_t i = 0; i + 1 < node.items.size(); i += 2) {
    std::string key = key_of(*node.items[i]);
    Value value = convert(*node.items[i + 1]);
    const auto [place, is_new] = places.emplace(key, dict.size());
    if (is_new) {
      dict.emplace_back(std::move(key), std::move(value));
    } else {
      dict[place->second].second = std::move(value);  // set twice: as in Python, the later one counts
    }
  }
  return dict;
}

std::string PickleTree::key_of(const PickleNode& node) const {
  if (node.kind == Kind::kString) return node.text;
  if (node.kind == Kind::kInt) return std::to_string(node.integer);
  throw UsageError(where_ + ": a dict's key must be a string or an integer to be read");
}

}  // namespace fabric
