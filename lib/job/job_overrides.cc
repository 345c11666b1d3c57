#include "job/job_overrides.h"

#include <algorithm>
#include <string_view>

#include "job/job_environment.h"

namespace fabric::job {
namespace {

/// Cuts a path at its points; the names of arguments and variables may hold points themselves.
std::vector<std::string> keys_of(std::string_view path) {
  std::vector<std::string> keys;
  while (true) {
    const bool is_name = keys == std::vector<std::string>{"args"} || keys == std::vector<std::string>{"env", "set"};
    const size_t point = is_name ? std::string_view::npos : path.find('.');
    keys.emplace_back(path.substr(0, point));
    if (point == std::string_view::npos) return keys;
    path.remove_prefix(point + 1);
  }
}

/// Writes `env.NAME` out as `env.set.NAME`.
std::string long_path(const std::string& path) {
  constexpr std::string_view kSection = "env.";
  const std::string_view name = std::string_view(path).substr(std::min(path.size(), kSection.size()));
  const bool is_part = name == "pass" || name == "secret" || name == "set" || name.starts_with("set.");
  return path.starts_with(kSection) && !is_part ? concat("env.set.", name) : path;
}

/// Returns what is wrong with a path, if anything is.
std::optional<std::string> fault_of_path(const std::string& path, const std::vector<std::string>& keys) {
  if (std::find(keys.begin(), keys.end(), "") != keys.end()) {
    return concat("a path must have a name between its points, but is '", path, "'; write fabric.devices for example");
  }
  if (keys[0] == "include" || keys[0] == "profiles") {
    return concat("a path must lead to a value of the job, but '", keys[0],
                  "' says what the job is made of; write it in the file, or use --profile");
  }
  return std::nullopt;
}

/// `--set env={A: 1}` is section `env` as a file would have it.
YamlNode nested(YamlNode value, const std::vector<std::string>& keys, Diagnostics& diagnostics) {
  if (keys.size() > 1 || keys[0] != "env") return value;
  value.key = "env";
  YamlNode job{.kind = YamlNode::Kind::kMap};
  job.children.push_back(std::move(value));
  nest_environment(job, diagnostics);
  return std::move(job.children[0]);
}

void apply(YamlNode& root, std::string_view assignment, const std::string& directory, Diagnostics& diagnostics) {
  const size_t equals = assignment.find('=');
  const std::string path(assignment.substr(0, equals));
  const int source = diagnostics.add_source({concat("--set ", path), SourceKind::kFlag, directory});
  if (equals == std::string_view::npos || path.empty()) {
    diagnostics.error({.source = source}, concat("--set must be followed by path=value, but is '", assignment,
                                                 "'; write --set fabric.devices=2 for example"));
    return;
  }
  const std::vector<std::string> keys = keys_of(long_path(path));
  if (const auto fault = fault_of_path(path, keys)) return diagnostics.error({.source = source}, *fault);
  auto value = parse_yaml(assignment.substr(equals + 1), source, diagnostics);
  if (!value.has_value()) return;
  value->mark.source = source;
  if (!put_value(root, keys, nested(std::move(*value), keys, diagnostics))) {
    diagnostics.error({.source = source}, concat("a path must lead through sections, but '", path,
                                                 "' leads through a value; name a key of a section"));
  }
}

}  // namespace

bool put_value(YamlNode& root, const std::vector<std::string>& keys, YamlNode value) {
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

void apply_overrides(YamlNode& root, const std::vector<std::string>& overrides, const std::string& directory,
                     Diagnostics& diagnostics) {
  for (const std::string& assignment : overrides) apply(root, assignment, directory, diagnostics);
}

}  // namespace fabric::job
