#include "job/job_json.h"

#include <nlohmann/json.hpp>

#include "core/concat.h"

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
                         {"grace_ms", elastic.grace.count()}}},
                       {"env", json_of(spec.env)},
                       {"workdir", spec.workdir},
                       {"threads", spec.threads.has_value() ? Json(*spec.threads) : Json(nullptr)},
                       {"output", {{"directory", spec.output.directory}, {"ranks", json_of_ranks(spec.output)}}}};
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
                              {"grace", millis(elastic.grace)}});
  text += section("env", json_of(spec.env));
  if (!spec.workdir.empty()) text += concat("workdir: ", dump(spec.workdir), '\n');
  if (spec.threads.has_value()) text += concat("threads: ", *spec.threads, '\n');
  Json output = Json::object({{"ranks", json_of_ranks(spec.output)}});
  if (!spec.output.directory.empty()) output["directory"] = spec.output.directory;
  return text + section("output", output);
}

}  // namespace fabric::job
