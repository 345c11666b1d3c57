#include "runtime/api/job_options.h"

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
  return {Arguments(read_arguments(section(job, "args")), job_directory), std::move(options)};
}

std::string precision_name(const std::string& text) {
  static const std::map<std::string, std::string> kShortForms{
      {"64", "64-true"}, {"32", "32-true"}, {"16", "16-mixed"}, {"bf16", "bf16-mixed"}};
  const auto found = kShortForms.find(text);
  return found == kShortForms.end() ? text : found->second;
}

}  // namespace fabric
