#include "job/job_json.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "core/concat.h"
#include "job/job_keys.h"
#include "job/macros.h"
#include "job/plan_words.h"

namespace fabric::job {
namespace {

using Json = nlohmann::ordered_json;

/// The value of a key as a job file would have it.
Json value_of(const JobSpec& spec, std::string_view path) { return Json::parse(find_job_key(path)->value(spec)); }

Json json_of(const FabricOptions& options) {
  return {{"accelerator", options.accelerator},
          {"strategy", options.strategy},
          {"devices", options.devices.has_value() ? Json(*options.devices) : Json("auto")},
          {"num_nodes", options.num_nodes},
          {"precision", options.precision},
          {"loggers", options.loggers}};
}

Json json_of(const std::map<std::string, std::string>& variables) {
  Json object = Json::object();
  for (const auto& [name, value] : variables) object[name] = value;
  return object;
}

Json json_of(const EnvironmentOptions& options) {
  Json object = {{"set", json_of(options.set)}};
  if (options.pass.has_value()) object["pass"] = *options.pass;
  if (!options.secret.empty()) object["secret"] = options.secret;
  return object;
}

Json json_of_ranks(const OutputOptions& options) {
  return options.ranks.has_value() ? Json(*options.ranks) : Json("all");
}

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

Json json_of_limit(int64_t value) {
  if (value < 0) return nullptr;
  return value == kUnlimited ? Json("unlimited") : Json(value);
}

Json json_of(const ResourceLimits& limits) {
  return {{"core_bytes", json_of_limit(limits.core_bytes)},
          {"open_files", json_of_limit(limits.open_files)},
          {"memory_bytes", json_of_limit(limits.address_space_bytes)},
          {"processes", json_of_limit(limits.processes)}};
}

/// Writes out the texts in `value` so that the reader of a job takes none of them for a macro.
Json without_macros(Json value) {
  if (value.is_string()) return escape_macros(value.get<std::string>());
  if (value.is_structured()) {
    for (Json& item : value) item = without_macros(item);
  }
  return value;
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
  const ElasticOptions& elastic = spec.elastic;
  const Json object = {{"name", spec.name},
                       {"program", spec.program},
                       {"directory", spec.directory},
                       {"args", value_of(spec, "args")},
                       {"fabric", json_of(spec.fabric)},
                       {"elastic",
                        {{"min_nodes", elastic.min_nodes},
                         {"max_nodes", elastic.max_nodes},
                         {"max_restarts", elastic.max_restarts},
                         {"rendezvous_timeout_ms", elastic.rendezvous_timeout.count()},
                         {"heartbeat_ms", elastic.heartbeat.count()},
                         {"lease_ms", elastic.lease.count()},
                         {"grace_ms", elastic.grace.count()},
                         {"restart_window_ms", elastic.restart_window.count()},
                         {"max_failures_without_progress", elastic.max_failures_without_progress},
                         {"stop_timeout_ms", elastic.stop_timeout.count()}}},
                       {"env", json_of(spec.env)},
                       {"workdir", spec.workdir},
                       {"threads", spec.threads.has_value() ? Json(*spec.threads) : Json(nullptr)},
                       {"binding", word_for(kBindingWords, spec.binding)},
                       {"limits", json_of(spec.limits)},
                       {"start_method", word_for(kStartMethodWords, spec.start_method)},
                       {"output",
                        {{"directory", spec.output.directory},
                         {"ranks", json_of_ranks(spec.output)},
                         {"rotate_bytes", spec.output.rotate_bytes}}}};
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
    const std::string_view name = std::string_view(key.path).substr(section.empty() ? 0 : section.size() + 1);
    const std::string indent(section.empty() ? 0 : 2, ' ');
    text += concat(indent, name, ':', entry_text(without_macros(Json::parse(line)), indent + "  "), '\n');
  }
  return text;
}

}  // namespace fabric::job
