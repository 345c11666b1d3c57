#include "job/job_schema.h"

#include <nlohmann/json.hpp>

#include "core/concat.h"
#include "job/job_keys.h"

namespace fabric::job {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kVariableValue = R"({"type": ["string", "number", "boolean"]})";

/// A macro may stand for any value but a map.
Json schema_of(const JobKey& key) {
  Json own = Json::parse(concat('{', key.schema, '}'));
  const bool is_map = own.contains("propertyNames");
  Json schema = is_map ? std::move(own) : Json{{"anyOf", Json::array({std::move(own), {{"$ref", "#/$defs/macro"}}})}};
  schema["description"] = concat(key.meaning, " (", key.type, "; default: ", default_of(key), ')');
  if (key.default_words == nullptr) schema["default"] = Json::parse(key.value(JobSpec()));
  return schema;
}

Json properties() {
  Json all = Json::object();
  for (const JobKey& key : job_keys()) {
    const std::string section(section_of(key));
    const std::string name(name_in_section(key));
    if (section.empty()) {
      all[name] = schema_of(key);
      continue;
    }
    Json& map = all[section];
    if (map.is_null()) map = {{"type", Json::array({"object", "null"})}, {"additionalProperties", false}};
    map["properties"][name] = schema_of(key);
  }
  // The short form: variables themselves.
  all["env"]["patternProperties"] = {
      {"^(?!FABRIC_|(pass|set|secret)$)[A-Za-z_][A-Za-z0-9_]*$", Json::parse(kVariableValue)}};
  return all;
}

}  // namespace

std::string json_schema() {
  const Json part = {{"type", "object"}, {"additionalProperties", false}, {"properties", properties()}};
  Json file = part;
  file["properties"]["include"] = {
      {"description", "job files over which this one lies, relative to this one; later ones lie over earlier ones"},
      {"anyOf", Json::array({{{"type", "string"}}, {{"type", "array"}, {"items", {{"type", "string"}}}}})}};
  file["properties"]["profiles"] = {{"description", "parts of a job by name; --profile NAME lays one over the rest"},
                                    {"type", Json::array({"object", "null"})},
                                    {"additionalProperties", {{"$ref", "#/$defs/part"}}}};
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "Job file of Fabric for C++"}};
  schema.update(file);
  schema["$defs"] = {{"macro", {{"type", "string"}, {"pattern", "\\$\\{env:[^}]+\\}"}}}, {"part", part}};
  return schema.dump(2) + "\n";
}

std::string key_table(std::string_view section) {
  std::string table = "| key | type | default | meaning |\n| --- | --- | --- | --- |\n";
  for (const JobKey& key : job_keys()) {
    if (section_of(key) != section) continue;
    std::string value = default_of(key);
    if (key.default_words == nullptr) {
      std::erase(value, '"');
      value = value == "[]" ? "none" : concat('`', value, '`');
    }
    table += concat("| `", name_in_section(key), "` | ", key.type, " | ", value, " | ", key.meaning, " |\n");
  }
  return table;
}

}  // namespace fabric::job
