#include "job/lightning_variables.h"

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
  const bool is_open =
      said == nullptr || said->kind == YamlNode::Kind::kNull || canonical_word(key, shown(*said)) == "auto";
  if (is_open) {
    put_value(root, {"fabric", key}, {.kind = YamlNode::Kind::kScalar, .mark = {.source = source}, .text = value});
  } else if (canonical_word(key, shown(*said)) != canonical_word(key, value)) {
    diagnostics.error(said->mark, concat("'fabric.", key, "' must be the same wherever it is said, but is '",
                                         shown(*said), "' here and '", value, "' in the environment's ", variable,
                                         "; change one of them, or unset ", variable));
  }
}

}  // namespace

void apply_lightning_variables(YamlNode& root, const Variables& variables, Diagnostics& diagnostics) {
  if (root.kind != YamlNode::Kind::kMap) return;
  for (const auto& [variable, key] : kVariables) {
    const auto found = variables.find(variable);
    if (found != variables.end() && !found->second.empty()) apply(root, variable, key, found->second, diagnostics);
  }
}

}  // namespace fabric::job
