#include "runtime/loggers/flat_parameters.h"

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {
namespace {

void flatten(const std::string& name, const Value& value, std::vector<std::pair<std::string, Value>>& flat) {
  const std::string prefix = name.empty() ? "" : name + "/";
  if (value.is_dict()) {
    for (const auto& [key, entry] : value.to_dict()) flatten(prefix + key, entry, flat);
  } else if (value.is_list()) {
    size_t index = 0;
    for (const Value& entry : value.to_list()) flatten(concat(prefix, index++), entry, flat);
  } else if (!value.is_tensor()) {
    flat.emplace_back(name, value);
  }
}

}  // namespace

std::vector<std::pair<std::string, Value>> flat_parameters(const Value& parameters) {
  if (!parameters.is_dict()) throw UsageError(concat("hyper-parameters must be a dict, but are a ", parameters.kind()));
  std::vector<std::pair<std::string, Value>> flat;
  flatten("", parameters, flat);
  return flat;
}

}  // namespace fabric
