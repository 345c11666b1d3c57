#pragma once

#include <cstddef>
#include <string>

#include "fabric/value.h"
#include "runtime/checkpoint/pickle_node.h"

namespace fabric {

/// Turns a graph of pickle nodes into a tree of values.
class PickleTree {
 public:
  /// `where` stands in messages and is borrowed; the tree may have up to `most_nodes` nodes.
  PickleTree(const std::string& where, size_t most_nodes) : where_(where), nodes_left_(most_nodes) {}

  /// Throws UsageError for what has no value (a key that is neither string nor integer, a bare function), SystemError for
  /// trees that are too deep or too large or contain themselves.
  Value convert(const PickleNode& node);

 private:
  Value convert_list(const PickleNode& node);
  Value convert_dict(const PickleNode& node);
  std::string key_of(const PickleNode& node) const;

  const std::string& where_;
  size_t nodes_left_;
  int depth_ = 0;
};

}  // namespace fabric
