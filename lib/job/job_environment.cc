#include "job/job_environment.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>

#include "job/lightning_variables.h"
#include "job/scalar.h"
#include "job/section_reader.h"

namespace fabric::job {
namespace {

constexpr std::array<std::string_view, 3> kParts = {"pass", "set", "secret"};
constexpr std::array<const char*, 13> kAlwaysPassed = {"PATH",
                                                       "HOME",
                                                       "USER",
                                                       "LOGNAME",
                                                       "SHELL",
                                                       "TERM",
                                                       "TMPDIR",
                                                       "TZ",
                                                       "LANG",
                                                       "LC_*",
                                                       "XDG_RUNTIME_DIR",
                                                       "LD_LIBRARY_PATH",
                                                       "CUDA_VISIBLE_DEVICES"};

bool is_part(std::string_view key) { return std::find(kParts.begin(), kParts.end(), key) != kParts.end(); }

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && !(name.front() >= '0' && name.front() <= '9') &&
         std::all_of(name.begin(), name.end(), is_name_character);
}

std::optional<std::string> fault_of_name(const std::string& name) {
  if (!is_variable_name(name)) {
    return concat("a variable's name must be letters, digits and '_' and not start with a digit, but is '", name,
                  "'; rename it");
  }
  if (name.starts_with("FABRIC_")) {
    return concat("variables that start with FABRIC_ must be left to Fabric, but one is '", name, "'; rename it");
  }
  return std::nullopt;
}

std::map<std::string, std::string> read_set(const YamlNode& section, Diagnostics& diagnostics) {
  std::map<std::string, std::string> variables;
  if (section.kind == YamlNode::Kind::kNull) return variables;
  if (section.kind != YamlNode::Kind::kMap) {
    diagnostics.error(section.mark, concat("'env.set' must be a map of names and values, but is ",
                                           describe_node(section), "; write name: value"));
    return variables;
  }
  for (const YamlNode& entry : section.children) {
    if (const auto fault = fault_of_name(entry.key)) {
      diagnostics.error(entry.key_mark, *fault);
    } else if (entry.kind != YamlNode::Kind::kScalar) {
      const bool is_null = entry.kind == YamlNode::Kind::kNull;
      diagnostics.error(entry.mark,
                        concat("'env.", entry.key, "' must be a value, but is ", describe_node(entry),
                               is_null ? "; write '' in quotes for an empty one" : "; write it as one text in quotes"));
    } else {
      variables[entry.key] = entry.text;
    }
  }
  return variables;
}

/// Returns the texts of a list that are scalars; notes what else is there.
std::vector<const YamlNode*> items_of(const YamlNode& list, SectionReader& section, std::string_view example) {
  std::vector<const YamlNode*> items;
  if (list.kind != YamlNode::Kind::kList) {
    section.error(list, concat("must be a list of names, but is ", describe_node(list), "; write ", example));
    return items;
  }
  for (const YamlNode& item : list.children) {
    if (item.kind == YamlNode::Kind::kScalar) {
      items.push_back(&item);
    } else {
      section.error(list, concat("must be a list of names, but has ", describe_node(item), "; write ", example), item);
    }
  }
  return items;
}

std::optional<std::vector<std::string>> read_pass(SectionReader& section, Diagnostics& diagnostics) {
  const YamlNode* const list = section.take("pass");
  if (list == nullptr) return std::nullopt;
  std::vector<std::string> patterns;
  for (const YamlNode* item : items_of(*list, section, "[HOME, 'NCCL_*'] for example")) {
    const bool is_good = !item->text.empty() && std::all_of(item->text.begin(), item->text.end(),
                                                            [](char c) { return is_name_character(c) || c == '*'; });
    if (is_good) {
      patterns.push_back(item->text);
    } else {
      diagnostics.error(item->mark,
                        concat("'env.pass' must list names of variables, perhaps with '*' for any text, but has ",
                               describe_node(*item), "; write [HOME, 'NCCL_*'] for example"));
    }
  }
  return patterns;
}

std::optional<std::string> fault_of_secret(const std::string& name, const EnvironmentOptions& options,
                                           const Variables& variables) {
  if (auto fault = fault_of_name(name)) return fault;
  if (options.set.contains(name)) {
    return concat("a secret's value must not stand in the job, but 'env.set' has '", name, "'; remove it there");
  }
  if (is_setting_variable(name)) {
    return concat("a secret must be a variable that decides no key of the job, but is '", name,
                  "', whose value is written down; remove it");
  }
  if (std::find(options.secret.begin(), options.secret.end(), name) != options.secret.end()) {
    return concat("'env.secret' must name each variable once, but names '", name, "' twice; remove one");
  }
  if (!variables.contains(name)) {
    return concat("a secret must be set where fabric-run is started, but '", name, "' is not; export it there");
  }
  return std::nullopt;
}

}  // namespace

void nest_environment(YamlNode& job, Diagnostics& diagnostics) {
  for (YamlNode& section : job.children) {
    if (section.key != "env" || section.kind != YamlNode::Kind::kMap || section.children.empty()) continue;
    const bool is_long = std::any_of(section.children.begin(), section.children.end(),
                                     [](const YamlNode& entry) { return is_part(entry.key); });
    if (!is_long) {
      YamlNode set{.kind = YamlNode::Kind::kMap, .mark = section.mark, .key = "set", .key_mark = section.key_mark};
      set.children = std::exchange(section.children, {});
      section.children.push_back(std::move(set));
      continue;
    }
    for (const YamlNode& entry : section.children) {
      if (is_part(entry.key)) continue;
      diagnostics.error(entry.key_mark, concat("'env' must hold variables, or pass, set and secret, but has '",
                                               entry.key, "' beside one of these; write it under 'set:'"));
    }
    std::erase_if(section.children, [](const YamlNode& entry) { return !is_part(entry.key); });
  }
}

EnvironmentOptions read_environment(const YamlNode& node, const Variables& variables, Diagnostics& diagnostics) {
  EnvironmentOptions options;
  SectionReader section(node, "env", diagnostics);
  options.pass = read_pass(section, diagnostics);
  const YamlNode* const set = section.take("set");
  if (set != nullptr) options.set = read_set(*set, diagnostics);
  if (const YamlNode* list = section.take("secret")) {
    for (const YamlNode* item : items_of(*list, section, "[TOKEN] for example")) {
      if (const auto fault = fault_of_secret(item->text, options, variables)) {
        const YamlNode* const in_set = set != nullptr ? set->find(item->text) : nullptr;
        diagnostics.error(in_set != nullptr ? diagnostics.blamed(item->mark, in_set->mark) : item->mark, *fault);
      } else {
        options.secret.push_back(item->text);
      }
    }
  }
  return options;
}

bool is_passed(const EnvironmentOptions& options, const std::string& name) {
  const auto matches = [&](const auto& pattern) {
    return ::fnmatch(std::string(pattern).c_str(), name.c_str(), 0) == 0;
  };
  return !options.pass.has_value() || std::any_of(options.pass->begin(), options.pass->end(), matches) ||
         std::any_of(kAlwaysPassed.begin(), kAlwaysPassed.end(), matches) ||
         std::find(options.secret.begin(), options.secret.end(), name) != options.secret.end();
}

}  // namespace fabric::job
