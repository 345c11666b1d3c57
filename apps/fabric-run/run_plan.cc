#include "run_plan.h"

#include <nlohmann/json.hpp>

#include "core/installation.h"
#include "core/worker_command.h"
#include "job/fabric_words.h"
#include "job/job_keys.h"

namespace fabric::launcher {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kRunId = "<run id>";
constexpr const char* kBuildId = "<build id>";

/// Each entry of a map is a value of its own.
std::vector<PlannedValue> values_of(const RunRequest& request) {
  std::vector<PlannedValue> values;
  const auto add = [&](const std::string& path, const std::string& value, const char* default_words) {
    const job::ValueSource source = job::source_of(request.job.sources, path);
    const bool is_default = source.kind == job::ValueSource::Kind::kDefault && default_words != nullptr;
    values.push_back({path, value, source, is_default ? default_words : ""});
  };
  for (const job::JobKey& key : job::job_keys()) {
    const std::string value = key.value(request.spec());
    const Json json = value.empty() ? Json() : Json::parse(value);
    if (!json.is_object() || json.empty()) {
      add(key.path, value, key.default_words);
      continue;
    }
    for (const auto& [name, item] : json.items()) {
      add(concat(key.path, '.', name), item.dump(-1, ' ', false, Json::error_handler_t::replace), nullptr);
    }
  }
  return values;
}

/// The commands of ranks: of those that --wrap is for, and of the others.
void add_rank_commands(const RunRequest& request, const GenerationPlan& plan, std::vector<PlannedCommand>& commands) {
  const std::string worker = program_beside_this("fabric-worker");
  const std::string method = describe(job::source_of(request.job.sources, "start_method"));
  int num_wrapped = 0;
  for (int rank = 0; rank < plan.world_size; ++rank) num_wrapped += plan.wraps(rank) ? 1 : 0;
  if (num_wrapped > 0) {
    commands.push_back({"fabric-agent", "each rank that --wrap is for", rank_command(worker, plan.wrapper),
                        plan.wrapped_ranks.empty() ? "--wrap" : "--wrap and --ranks"});
  }
  if (num_wrapped == plan.world_size) return;
  const bool is_other = num_wrapped > 0;
  if (plan.start_method == StartMethod::kForkServer) {
    commands.push_back({"fabric-agent",
                        concat("the process from which ", is_other ? "the other " : "", "ranks are forked"),
                        fork_server_command(worker, plan.program), method});
  } else {
    commands.push_back({"fabric-agent", is_other ? "each other rank" : "each rank", rank_command(worker, {}), method});
  }
}

std::vector<PlannedCommand> commands_of(const RunRequest& request, const GenerationPlan& plan) {
  const std::string agents =
      describe(job::source_of(request.job.sources, "cluster.simulate_nodes"), "one for this machine");
  std::vector<PlannedCommand> commands;
  for (size_t node = 0; node < request.local_nodes.size(); ++node) {
    const std::string& name = request.local_nodes[node].name;
    commands.push_back({"fabric-run", concat("the agent of ", name.empty() ? "this node" : name),
                        LocalAgent::command(agent_options_of(request, node, plan.run_directory, plan)), agents});
  }
  add_rank_commands(request, plan, commands);
  return commands;
}

}  // namespace

RunPlan make_plan(const RunRequest& request) {
  RunPlan plan;
  plan.job_name = request.spec().name;
  plan.cluster = request.cluster;
  const std::string run_directory =
      concat(request.runs_directory, '/', request.run_id.empty() ? kRunId : request.run_id);
  const std::string build_id = request.build_id.empty() ? kBuildId : request.build_id;
  plan.settings = settings_of(request, request.run_id.empty() ? kRunId : request.run_id, run_directory,
                              concat(run_directory, "/program/", build_id, ".so"));
  GenerationPlan& base = plan.settings.base;
  base.num_nodes = plan.settings.max_nodes;
  base.local_world_size = plan.settings.ranks_per_node;
  base.world_size = base.num_nodes * base.local_world_size;
  plan.strategy = job::strategy_for(request.spec().fabric.strategy, base.world_size);
  const std::vector<int>& cores = request.local_nodes.front().cores;
  plan.placement = process::place_ranks(base, {}, {}, cores.empty() ? process::allowed_cpus() : cores);
  plan.commands = commands_of(request, base);
  plan.values = values_of(request);
  plan.facts = facts_of(plan, request);
  return plan;
}

}  // namespace fabric::launcher
