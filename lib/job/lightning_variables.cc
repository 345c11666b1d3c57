#include "job/lightning_variables.h"

#include <algorithm>
#include <array>
#include <utility>

#include "job/fabric_words.h"
#include "job/job_overrides.h"
#include "job/yaml_text.h"

namespace fabric::job {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 5> kVariables = {{{"LT_ACCELERATOR", "accelerator"},
                                                                            {"LT_STRATEGY", "strategy"},
                                                                            {"LT_DEVICES", "devices"},
                                                                            {"LT_NUM_NODES", "num_nodes"},
                                                                            {"LT_PRECISION", "precision"}}};

std::string shown(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kList) return node.text;
  std::string text;
  for (const YamlNode& item : node.children) text += concat(text.empty() ? "" : ",", item.text);
  return text;
}

void apply(YamlNode& root, const char* variable, const char* key, const std::string& value, Diagnostics& diagnostics) {
  const int source = diagnostics.add_source({.name = variable, .kind = SourceKind::kEnvironment});
  if (!check_yaml_text(value, source, diagnostics)) return;
  const YamlNode* const section = root.find("fabric");
  const YamlNode* const said = section != nullptr ? section->find(key) : nullptr;
  const YamlNode automatic{.kind = YamlNode::Kind::kScalar, .text = "auto"};
  const YamlNode node{.kind = YamlNode::Kind::kScalar, .mark = {.source = source}, .text = value};
  const bool is_open = said == nullptr || said->kind == YamlNode::Kind::kNull || is_same_word(key, *said, automatic);
  if (is_open) {
    put_value(root, {"fabric", key}, node);
  } else if (!is_same_word(key, *said, node)) {
    diagnostics.error(said->mark, concat("'fabric.", key, "' must be the same wherever it is said, but is '",
                                         shown(*said), "' here and '", value, "' in the environment's ", variable,
                                         "; change one of them, or unset ", variable));
  }
}

}  // namespace

void apply_lightning_variables(YamlNode& root, const Variables& variables, const std::vector<std::string>& secrets,
                               Diagnostics& diagnostics) {
  if (root.kind != YamlNode::Kind::kMap) return;
  for (const auto& [variable, key] : kVariables) {
    const auto found = variables.find(variable);
    const bool is_secret = std::find(secrets.begin(), secrets.end(), variable) != secrets.end();
    if (found == variables.end() || found->second.empty() || is_secret) continue;
    apply(root, variable, key, found->second, diagnostics);
  }
}

bool is_setting_variable(std::string_view name) {
  return name == "OMP_NUM_THREADS" || std::any_of(kVariables.begin(), kVariables.end(),
                                                  [&](const auto& variable) { return variable.first == name; });
}

}  // namespace fabric::job
