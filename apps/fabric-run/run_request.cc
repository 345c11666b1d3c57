#include "run_request.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/exit_codes.h"
#include "core/installation.h"
#include "core/network_interface.h"
#include "job/plan_words.h"
#include "process/core_placement.h"
#include "program_copy.h"
#include "resumed_run.h"
#include "terminal_loan.h"

namespace fabric::launcher {
namespace {

using job::ValueSource;

DisplayOptions display_of(const RunCommand& command, const cluster::Variables& variables) {
  DisplayOptions display;
  display.json = command.json;
  const auto no_color = variables.find("NO_COLOR");
  display.color = command.color && (no_color == variables.end() || no_color->second.empty());
  display.fold = command.fold;
  const auto terminal = variables.find("TERM");
  const bool is_dumb = terminal == variables.end() || terminal->second.empty() || terminal->second == "dumb";
  display.live = command.live && !is_dumb;
  return display;
}

/// Makes as many nodes of this machine as the job says. Each has whole cores of its own where there are enough.
void simulate_nodes(RunRequest& request) {
  const auto count = static_cast<size_t>(request.spec().cluster.simulate_nodes);
  const std::vector<process::Cpu> cpus = process::read_topology({}, process::allowed_cpus());
  const process::CorePlacement shares = process::place_on_cores(cpus, Binding::kCores, std::vector<int>(count, -1));
  request.cluster = {.environment = "simulated", .evidence = concat("cluster.simulate_nodes is ", count), .nodes = {}};
  request.local_nodes.clear();
  for (size_t i = 0; i < count; ++i) {
    const std::vector<int>& cores = shares.ranks[i].cpus;
    const std::string name = concat("node", i);
    request.local_nodes.push_back({name, cores});
    request.cluster.nodes.push_back(
        {.name = name, .address = "127.0.0.1", .slots = std::max(1, static_cast<int>(cores.size()))});
  }
}

/// Fills in what does not depend on what the job runs.
Status look_around(const RunCommand& command, const cluster::Variables& variables, RunRequest& request) {
  FABRIC_ASSIGN_OR_RETURN(
      request.cluster, cluster::detect(cluster::builtin_environments(), variables, request.spec().cluster.environment));
  request.local_nodes = {{}};
  if (request.spec().cluster.simulate_nodes > 0) simulate_nodes(request);
  request.agent_program = program_beside_this("fabric-agent");
  request.run_id = command.run_id;
  request.wrapper = {command.wrapper, command.wrapped_ranks, false};
  request.log_level = command.verbose ? LogLevel::kDebug : request.spec().logging.level;
  request.display = display_of(command, variables);
  return ok_status();
}

void choose_runs_directory(const RunCommand& command, RunRequest& request) {
  std::string chosen = "runs";
  if (!command.runs_directory.empty()) {
    chosen = command.runs_directory;
    request.runs_directory_source = flag_source("--run-dir");
  } else {
    if (!request.spec().output.directory.empty()) chosen = request.spec().output.directory;
    request.runs_directory_source = job::source_of(request.job.sources, "output.directory");
  }
  request.runs_directory = (std::filesystem::path(request.current_directory) / chosen).lexically_normal().string();
}

/// Finds the run that --resume names; `path` is what it is if it is a path.
std::optional<Refusal> choose_run(const RunCommand& command, const std::optional<ResumePath>& path,
                                  RunRequest& request) {
  if (command.resume.empty() || (path.has_value() && !path->is_run)) return std::nullopt;
  request.resumes_run = true;
  if (path.has_value()) {
    const std::filesystem::path run(path->path);
    request.runs_directory = run.parent_path().string();
    request.runs_directory_source = flag_source("--resume");
    request.run_id = run.filename().string();
    return std::nullopt;
  }
  auto id = resumed_run_id(command.resume, request.runs_directory, request.spec().name);
  if (!id.ok()) return refusal_at(flag_source("--resume"), id.status());
  request.run_id = std::move(*id);
  return std::nullopt;
}

/// The value that decides how many nodes a job needs.
ValueSource source_of_nodes(const RunRequest& request) {
  const ValueSource least = job::source_of(request.job.sources, "elastic.min_nodes");
  return least.kind != ValueSource::Kind::kDefault ? least : job::source_of(request.job.sources, "fabric.num_nodes");
}

std::optional<Refusal> check_ranks(RunRequest& request) {
  const Status enough_nodes = check_nodes(request.spec(), request.cluster);
  if (!enough_nodes.ok()) return refusal_at(source_of_nodes(request), enough_nodes);
  RankWrapper& wrapper = request.wrapper;
  const int world_size = largest_world(request.spec(), request.cluster);
  const Status wrapped = check_wrapped_ranks(wrapper.ranks, world_size);
  if (!wrapped.ok()) return refusal_at(flag_source("--ranks"), wrapped);
  const size_t num_wrapped = wrapper.ranks.empty() ? static_cast<size_t>(world_size) : wrapper.ranks.size();
  wrapper.has_terminal = !wrapper.command.empty() && num_wrapped == 1 && TerminalLoan::is_possible();
  if (wrapper.has_terminal) request.display.live = false;  // the tool draws there
  return std::nullopt;
}

std::optional<Refusal> check_interface(const RunRequest& request) {
  const std::string& interface = request.spec().network.interface;
  if (interface.empty()) return std::nullopt;
  const Result<std::string> address = address_of_interface(interface);
  if (address.ok()) return std::nullopt;
  return refusal_at(job::source_of(request.job.sources, "network.interface"),
                    Status(address.error().code(), concat("'network.interface' ", address.error().message(),
                                                          "; name one that every node has, or leave it out")));
}

}  // namespace

ValueSource flag_source(const std::string& name) {
  return {.kind = ValueSource::Kind::kFlag, .text = name, .place = name + ":1:1"};
}

Refusal refusal_at(const ValueSource& source, const Status& status) {
  const bool is_flag = source.kind == ValueSource::Kind::kFlag;
  return {is_flag ? exit_code::kUsage : exit_code::kBadJob, status.with_context(source.place)};
}

std::optional<std::string> library_path_of(const job::JobSpec& spec, const cluster::Variables& variables) {
  const auto value_of = [&](const char* name) -> std::string {
    const auto own = spec.env.set.find(name);
    if (own != spec.env.set.end()) return own->second;
    const auto inherited = variables.find(name);
    return inherited != variables.end() && job::is_passed(spec.env, name) ? inherited->second : "";
  };
  if (!value_of("LD_PRELOAD").empty()) return std::nullopt;
  return value_of("LD_LIBRARY_PATH");
}

tl::expected<RunRequest, Refusal> make_request(const RunCommand& command, const cluster::Variables& variables) {
  RunRequest request;
  job::Diagnostics diagnostics;
  std::error_code error;
  request.current_directory = std::filesystem::current_path(error).string();
  if (error) {
    return tl::unexpected(Refusal{exit_code::kFailure, errno_status(error.value(), "find the current directory")});
  }
  const auto resumed = command.resume.empty() ? Result<std::optional<ResumePath>>(std::nullopt)
                                              : resume_path_of(command.resume, request.current_directory);
  if (!resumed.ok()) return tl::unexpected(refusal_at(flag_source("--resume"), resumed.status()));
  job::JobInputs inputs{command.overrides, command.profile, variables};
  if (resumed->has_value() && !(*resumed)->is_run) {
    inputs.overrides.push_back(concat("checkpoint.resume_from=", nlohmann::json((*resumed)->path).dump()));
  }
  auto job = job::read_job(command.job, inputs, diagnostics);
  if (!job.ok()) {
    const int code = diagnostics.is_usage_error() ? exit_code::kUsage : exit_code::kBadJob;
    return tl::unexpected(Refusal{code, job.status()});
  }
  request.job = std::move(*job);
  auto build_id = check_program(request.spec().program, library_path_of(request.spec(), variables));
  if (!build_id.ok()) {
    return tl::unexpected(refusal_at(job::source_of(request.job.sources, "program"), build_id.status()));
  }
  request.build_id = std::move(*build_id);
  const Status surroundings = look_around(command, variables, request);
  if (!surroundings.ok()) return tl::unexpected(Refusal{exit_code::kFailure, surroundings});
  choose_runs_directory(command, request);
  if (auto refusal = choose_run(command, *resumed, request)) return tl::unexpected(std::move(*refusal));
  request.display.ranks = request.spec().output.ranks;
  for (const auto& [name, value] : variables) {
    if (job::is_passed(request.spec().env, name)) request.environment.push_back(concat(name, '=', value));
  }
  if (auto refusal = check_ranks(request)) return tl::unexpected(std::move(*refusal));
  if (auto refusal = check_interface(request)) return tl::unexpected(std::move(*refusal));
  return request;
}

rendezvous::Settings settings_of(const RunRequest& request, const std::string& run_id, const std::string& run_directory,
                                 const std::string& program) {
  return make_settings(request.spec(), request.cluster,
                       {run_id, run_directory, program, request.current_directory, request.wrapper});
}

LocalAgent::Options agent_options_of(const RunRequest& request, size_t node, const std::string& run_directory,
                                     const GenerationPlan& common_plan) {
  const LocalNode& local = request.local_nodes[node];
  LocalAgent::Options options;
  options.program = request.agent_program;
  const auto log_of = [&](const std::string& id) { return concat(run_directory, "/logs/agent-", id, ".log"); };
  options.agent_id = concat("node", node);
  std::error_code ignored;
  for (int life = 2; std::filesystem::exists(log_of(options.agent_id), ignored); ++life) {
    options.agent_id = concat("node", node, '.', life);
  }
  options.node_name = local.name;
  options.cores = local.cores;
  options.log_path = log_of(options.agent_id);
  options.log_level = job::word_for(job::kLogLevelWords, request.log_level);
  options.environment = request.environment;
  options.common_plan = common_plan;
  return options;
}

}  // namespace fabric::launcher
