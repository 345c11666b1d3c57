#include "job/job_overrides.h"

#include <string_view>

namespace fabric::job {
namespace {

/// Cuts a path at its points; the names of arguments and variables may hold points themselves.
std::vector<std::string> keys_of(std::string_view path) {
  std::vector<std::string> keys;
  while (true) {
    const bool is_name = keys.size() == 1 && (keys[0] == "args" || keys[0] == "env");
    const size_t point = is_name ? std::string_view::npos : path.find('.');
    keys.emplace_back(path.substr(0, point));
    if (point == std::string_view::npos) return keys;
    path.remove_prefix(point + 1);
  }
}

/// Puts `value` where `keys` say, making the maps on the way. Returns false if something that is no map is in the way.
bool put(YamlNode& root, const std::vector<std::string>& keys, YamlNode value) {
  YamlNode* section = &root;
  for (size_t i = 0;; ++i) {
    if (section->kind == YamlNode::Kind::kNull) section->kind = YamlNode::Kind::kMap;
    if (section->kind != YamlNode::Kind::kMap) return false;
    YamlNode* entry = nullptr;
    for (YamlNode& child : section->children) {
      if (child.key == keys[i]) entry = &child;
    }
    const bool is_last = i + 1 == keys.size();
    if (entry == nullptr) {
      YamlNode fresh{.mark = value.mark, .key = keys[i], .key_mark = value.mark};
      entry = &section->children.emplace_back(std::move(fresh));
    }
    if (is_last) {
      value.key = keys[i];
      value.key_mark = value.mark;
      *entry = std::move(value);
      return true;
    }
    section = entry;
  }
}

void apply(YamlNode& root, std::string_view assignment, Diagnostics& diagnostics) {
  const size_t equals = assignment.find('=');
  const std::string path(assignment.substr(0, equals));
  const int source = diagnostics.add_source(concat("--set ", path));
  if (equals == std::string_view::npos || path.empty()) {
    diagnostics.error({.source = source}, concat("--set must be followed by path=value, but is '", assignment,
                                                 "'; write --set fabric.devices=2 for example"));
    return;
  }
  const std::vector<std::string> keys = keys_of(path);
  for (const std::string& key : keys) {
    if (!key.empty()) continue;
    diagnostics.error({.source = source}, concat("a path must have a name between its points, but is '", path,
                                                 "'; write fabric.devices for example"));
    return;
  }
  auto value = parse_yaml(assignment.substr(equals + 1), source, diagnostics);
  if (!value.has_value()) return;
  value->mark.source = source;
  if (!put(root, keys, std::move(*value))) {
    diagnostics.error({.source = source}, concat("a path must lead through sections, but '", path,
                                                 "' leads through a value; name a key of a section"));
  }
}

}  // namespace

void apply_overrides(YamlNode& root, const std::vector<std::string>& overrides, Diagnostics& diagnostics) {
  for (const std::string& assignment : overrides) apply(root, assignment, diagnostics);
}

}  // namespace fabric::job
