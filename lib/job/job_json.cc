#include "job/job_json.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "core/concat.h"
#include "job/plan_words.h"

namespace fabric::job {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const ArgScalar& value) {
  return std::visit(
      [](const auto& alternative) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(alternative)>, std::monostate>) {
          return nullptr;
        } else {
          return alternative;
        }
      },
      value);
}

Json json_of(const ArgValue& value) {
  if (const auto* scalar = std::get_if<ArgScalar>(&value)) return json_of(*scalar);
  Json list = Json::array();
  for (const ArgScalar& item : std::get<std::vector<ArgScalar>>(value)) list.push_back(json_of(item));
  return list;
}

Json json_of(const Arguments& arguments) {
  Json object = Json::object();
  for (const auto& [name, value] : arguments) object[name] = json_of(value);
  return object;
}

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

std::string size_text(int64_t bytes) { return concat(bytes, 'B'); }

/// The section as a job file has it: what is inherited is not named.
Json entries_of(const ResourceLimits& limits) {
  Json entries = Json::object();
  const auto add = [&](const char* key, int64_t value, bool is_size) {
    if (value < 0) return;
    entries[key] = is_size && value != kUnlimited ? Json(size_text(value)) : json_of_limit(value);
  };
  add("core", limits.core_bytes, true);
  add("open_files", limits.open_files, false);
  add("memory", limits.address_space_bytes, true);
  add("processes", limits.processes, false);
  return entries;
}

/// Text as JSON writes it is text to YAML too.
std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// `key: value` lines under `title:`, each value as JSON.
std::string section(const char* title, const Json& object) {
  if (object.empty()) return concat(title, ": {}\n");
  std::string text = concat(title, ":\n");
  for (const auto& [key, value] : object.items()) text += concat("  ", dump(Json(key)), ": ", dump(value), '\n');
  return text;
}

}  // namespace

std::string to_json(const JobSpec& spec) {
  const ElasticOptions& elastic = spec.elastic;
  const Json object = {{"name", spec.name},
                       {"program", spec.program},
                       {"directory", spec.directory},
                       {"args", json_of(spec.args)},
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
  const auto millis = [](std::chrono::milliseconds duration) { return concat(duration.count(), "ms"); };
  const ElasticOptions& elastic = spec.elastic;
  std::string text =
      concat("name: ", dump(spec.name), "\nprogram: ", dump(spec.program), "\ndirectory: ", dump(spec.directory), '\n');
  text += section("args", json_of(spec.args));
  text += section("fabric", json_of(spec.fabric));
  text += section("elastic", {{"min_nodes", elastic.min_nodes},
                              {"max_nodes", elastic.max_nodes},
                              {"max_restarts", elastic.max_restarts},
                              {"rendezvous_timeout", millis(elastic.rendezvous_timeout)},
                              {"heartbeat", millis(elastic.heartbeat)},
                              {"lease", millis(elastic.lease)},
                              {"grace", millis(elastic.grace)},
                              {"restart_window", millis(elastic.restart_window)},
                              {"max_failures_without_progress", elastic.max_failures_without_progress},
                              {"stop_timeout", millis(elastic.stop_timeout)}});
  text += section("env", json_of(spec.env));
  if (!spec.workdir.empty()) text += concat("workdir: ", dump(spec.workdir), '\n');
  if (spec.threads.has_value()) text += concat("threads: ", *spec.threads, '\n');
  text += concat("binding: ", word_for(kBindingWords, spec.binding), '\n');
  text += section("limits", entries_of(spec.limits));
  text += concat("start_method: ", word_for(kStartMethodWords, spec.start_method), '\n');
  Json output =
      Json::object({{"ranks", json_of_ranks(spec.output)},
                    {"rotate", spec.output.rotate_bytes == 0 ? "never" : size_text(spec.output.rotate_bytes)}});
  if (!spec.output.directory.empty()) output["directory"] = spec.output.directory;
  return text + section("output", output);
}

}  // namespace fabric::job
