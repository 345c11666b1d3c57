#include "rank_environment.h"

#include <cstring>

#include "core/concat.h"
#include "core/rank_text.h"

namespace fabric::agent {
namespace {

/// Also of those that stand for a plain "${".
bool has_macros(const std::string& text) { return text.find("${") != std::string::npos; }

}  // namespace

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

Environment common_environment(const Environment& inherited, const GenerationPlan& plan) {
  Environment environment = inherited;
  std::erase_if(environment, [](const auto& entry) { return entry.first.starts_with("FABRIC_"); });
  if (!plan.interface.empty())
    environment.emplace("NCCL_SOCKET_IFNAME", concat('=', plan.interface));  // '=': all of the name
  for (const auto& [name, value] : plan.env) {
    if (!has_macros(value)) environment[name] = value;
  }
  return environment;
}

Environment own_environment(const Assignment& rank) {
  const GenerationPlan& plan = rank.plan;
  Environment environment;
  for (const char* name : kThreadVariables) {
    const auto chosen = plan.env.find(name);
    environment[name] = chosen != plan.env.end() ? chosen->second : std::to_string(plan.threads_per_rank);
  }
  const RankValues values = values_of(rank);
  for (const auto& [name, value] : plan.env) {
    if (has_macros(value))
      environment[name] = expand_rank_text(value, values).value_or(value);  // the job's reader saw to it
  }
  return environment;
}

}  // namespace fabric::agent
