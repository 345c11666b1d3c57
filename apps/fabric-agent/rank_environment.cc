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
  // What was inherited of these was the job's to take up, or not: the plan says how many.
  for (const char* name : {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"}) {
    environment[name] = std::to_string(plan.threads_per_rank);
  }
  if (!plan.interface.empty())
    environment.emplace("NCCL_SOCKET_IFNAME", concat('=', plan.interface));  // '=': all of the name
  for (const auto& [name, value] : plan.env) environment[name] = value;
  return environment;
}

}  // namespace fabric::agent
