#include "rank_environment.h"

#include <cstring>

#include "core/concat.h"

namespace fabric::agent {

Environment read_environment(const char* const* entries) {
  Environment environment;
  for (; *entries != nullptr; ++entries) {
    const char* const equals = std::strchr(*entries, '=');
    if (equals != nullptr) environment.emplace(std::string(*entries, equals), equals + 1);
  }
  return environment;
}

std::vector<std::string> to_entries(const Environment& environment) {
  std::vector<std::string> entries;
  for (const auto& [name, value] : environment) entries.push_back(concat(name, '=', value));
  return entries;
}

Environment rank_environment(const Environment& inherited, const GenerationPlan& plan) {
  Environment environment = inherited;
  std::erase_if(environment, [](const auto& entry) { return entry.first.starts_with("FABRIC_"); });
  for (const auto& [name, value] : plan.env) environment[name] = value;
  for (const char* name : {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"}) {
    environment.emplace(name, std::to_string(plan.threads_per_rank));
  }
  return environment;
}

}  // namespace fabric::agent
