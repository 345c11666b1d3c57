#include "job/yaml_merge.h"

#include <algorithm>

namespace fabric::job {

void merge(YamlNode& lower, YamlNode upper) {
  if (lower.kind == YamlNode::Kind::kMap && upper.kind == YamlNode::Kind::kNull) return;
  if (lower.kind != YamlNode::Kind::kMap || upper.kind != YamlNode::Kind::kMap) {
    lower = std::move(upper);
    return;
  }
  lower.mark = upper.mark;
  lower.key_mark = upper.key_mark;
  for (YamlNode& entry : upper.children) {
    const auto below = std::find_if(lower.children.begin(), lower.children.end(),
                                    [&](const YamlNode& child) { return child.key == entry.key; });
    if (below == lower.children.end()) {
      lower.children.push_back(std::move(entry));
    } else {
      merge(*below, std::move(entry));
    }
  }
}

std::optional<YamlNode> take_entry(YamlNode& node, std::string_view key) {
  if (node.kind != YamlNode::Kind::kMap) return std::nullopt;
  const auto found =
      std::find_if(node.children.begin(), node.children.end(), [&](const YamlNode& child) { return child.key == key; });
  if (found == node.children.end()) return std::nullopt;
  YamlNode entry = std::move(*found);
  node.children.erase(found);
  return entry;
}

}  // namespace fabric::job
