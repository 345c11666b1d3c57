#include "runtime/api/job_options.h"

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {
namespace {

using Json = nlohmann::json;

/// Returns a scalar as its text and anything else as JSON.
std::string as_text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

const Json& section(const Json& job, const char* name) {
  static const Json kNone = Json::object();
  const auto found = job.find(name);
  if (found == job.end() || found->is_null()) return kNone;
  if (!found->is_object()) throw UsageError(concat("'", name, "' of the job must be a map, but is ", found->dump()));
  return *found;
}

std::map<std::string, std::string> read_arguments(const Json& args) {
  std::map<std::string, std::string> values;
  for (const auto& [key, value] : args.items()) {
    if (!value.is_null()) values.emplace(key, as_text(value));
  }
  return values;
}

/// Reads one name, or leaves `choice` as it is.
template <class Family>
void read_name(const Json& fabric, const char* key, Choice<Family>& choice) {
  const auto found = fabric.find(key);
  if (found == fabric.end() || found->is_null()) return;
  if (!found->is_string() && !found->is_number_integer()) {
    throw UsageError(concat("'fabric.", key, "' of the job must be a name, but is ", found->dump()));
  }
  choice = as_text(*found);
}

std::vector<Choice<Logger>> read_loggers(const Json& fabric) {
  const auto found = fabric.find("loggers");
  if (found == fabric.end() || found->is_null()) return {};
  if (found->is_string()) return {found->get<std::string>()};
  std::vector<Choice<Logger>> loggers;
  for (const Json& name : *found) {
    if (!found->is_array() || !name.is_string()) {
      throw UsageError(concat("'fabric.loggers' of the job must be a list of names, but is ", found->dump()));
    }
    loggers.emplace_back(name.get<std::string>());
  }
  return loggers;
}

std::optional<uint64_t> read_seed(const Json& fabric) {
  const auto found = fabric.find("seed");
  if (found == fabric.end() || found->is_null()) return std::nullopt;
  if (!found->is_number_unsigned()) {
    throw UsageError(
        concat("'fabric.seed' of the job must be an integer that is not negative, but is ", found->dump()));
  }
  return found->get<uint64_t>();
}

/// Reads an integer of at least 1; `no_limit` is a word in its place.
std::optional<int64_t> read_count(const Json& section, const char* key, const std::string& no_limit) {
  const auto found = section.find(key);
  if (found == section.end() || found->is_null() || *found == no_limit) return std::nullopt;
  if (found->is_number_integer() && found->get<int64_t>() >= 1) return found->get<int64_t>();
  throw UsageError(
      concat("'checkpoint.", key, "' of the job must be an integer of at least 1, but is ", found->dump()));
}

std::string read_text(const Json& section, const char* key, const char* otherwise) {
  const auto found = section.find(key);
  if (found == section.end() || found->is_null()) return otherwise;
  if (found->is_string()) return found->get<std::string>();
  throw UsageError(concat("'checkpoint.", key, "' of the job must be a text, but is ", found->dump()));
}

/// Reads a number and a unit, as the launcher writes it: "500ms", "10m".
std::optional<std::chrono::milliseconds> read_duration(const Json& section, const char* key) {
  const std::string text = read_text(section, key, "never");
  if (text == "never") return std::nullopt;
  static const std::map<std::string, int64_t> kUnits{{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}};
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = kUnits.find(std::string(end, text.data() + text.size()));
  if (error == std::errc() && number > 0 && unit != kUnits.end())
    return std::chrono::milliseconds(number * unit->second);
  throw UsageError(
      concat("'checkpoint.", key, "' of the job must be a number and ms, s, m or h, as 10m, but is '", text, "'"));
}

CheckpointPolicy read_checkpoint_policy(const Json& section) {
  CheckpointPolicy policy;
  policy.every_steps = read_count(section, "every_steps", "never");
  policy.every = read_duration(section, "every");
  policy.keep_last = read_count(section, "keep_last", "all");
  policy.best = read_text(section, "best", "");
  const std::string mode = read_text(section, "best_mode", "min");
  if (mode != "min" && mode != "max") {
    throw UsageError(concat("'checkpoint.best_mode' of the job must be min or max, but is '", mode, "'"));
  }
  policy.best_is_max = mode == "max";
  policy.keep_best = read_count(section, "keep_best", "").value_or(1);
  policy.resume_from = read_text(section, "resume_from", "");
  return policy;
}

}  // namespace

ProgramJob read_program_job(const std::string& job_json, const std::string& job_directory) {
  const Json job = Json::parse(job_json, nullptr, /*allow_exceptions=*/false);
  if (!job.is_object())
    throw UsageError(concat("the resolved job must be a JSON object, but is '", job_json.substr(0, 80), "'"));
  const Json& fabric = section(job, "fabric");
  Options options;
  read_name(fabric, "accelerator", options.accelerator);
  read_name(fabric, "strategy", options.strategy);
  read_name(fabric, "precision", options.precision);
  options.loggers = read_loggers(fabric);
  options.seed = read_seed(fabric);
  options.checkpoint = read_checkpoint_policy(section(job, "checkpoint"));
  return {Arguments(read_arguments(section(job, "args")), job_directory), std::move(options)};
}

std::string precision_name(const std::string& text) {
  static const std::map<std::string, std::string> kShortForms{
      {"64", "64-true"}, {"32", "32-true"}, {"16", "16-mixed"}, {"bf16", "bf16-mixed"}};
  const auto found = kShortForms.find(text);
  return found == kShortForms.end() ? text : found->second;
}

}  // namespace fabric
