#include "job/job_json.h"

#include <nlohmann/json.hpp>

#include "core/concat.h"
#include "job/job_keys.h"
#include "job/macros.h"

namespace fabric::job {
namespace {

using Json = nlohmann::ordered_json;

/// Writes out the texts in `value` so that the reader of a job takes none of them for a macro.
Json without_macros(Json value) {
  if (value.is_string()) return escape_macros(value.get<std::string>());
  if (value.is_structured()) {
    for (Json& item : value) item = without_macros(item);
  }
  return value;
}

/// Texts in which a plain `${` is `$${` already.
bool has_templates(const JobKey& key) {
  const std::string_view path = key.path;
  return path == "args" || path == "env.set";
}

/// Text as JSON writes it is text to YAML too.
std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// What stands after a key: a map has a line for each entry, other values stand on the key's line.
std::string entry_text(const Json& value, const std::string& indent) {
  if (!value.is_object() || value.empty()) return concat(' ', dump(value));
  std::string text;
  for (const auto& [key, item] : value.items()) text += concat('\n', indent, dump(Json(key)), ": ", dump(item));
  return text;
}

}  // namespace

std::string to_json(const JobSpec& spec) {
  Json object = Json::object();
  for (const JobKey& key : job_keys()) {
    const std::string value = key.value(spec);
    if (value.empty()) continue;
    const std::string section(section_of(key));
    Json& map = section.empty() ? object : object[section];
    map[std::string(name_in_section(key))] = Json::parse(value);
  }
  return dump(object);
}

std::string to_yaml(const JobSpec& spec) {
  std::string text;
  std::string_view open;
  for (const JobKey& key : job_keys()) {
    const std::string line = key.value(spec);
    if (line.empty()) continue;
    const std::string_view section = section_of(key);
    if (section != open && !section.empty()) text += concat(section, ":\n");
    open = section;
    const std::string_view name = name_in_section(key);
    const std::string indent(section.empty() ? 0 : 2, ' ');
    const Json value = Json::parse(line);
    text +=
        concat(indent, name, ':', entry_text(has_templates(key) ? value : without_macros(value), indent + "  "), '\n');
  }
  return text;
}

}  // namespace fabric::job
