#include "run_request.h"

#include <filesystem>

#include "core/exit_codes.h"
#include "program_copy.h"
#include "terminal_loan.h"

namespace fabric::launcher {
namespace {

using job::ValueSource;

// Programs of one installation lie beside each other.
Result<std::string> agent_beside_this() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return errno_status(error.value(), "find this program's own path");
  return (self.parent_path() / "fabric-agent").string();
}

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

/// Fills in what does not depend on the job.
Status look_around(const RunCommand& command, const cluster::Variables& variables, RunRequest& request) {
  FABRIC_ASSIGN_OR_RETURN(request.cluster, cluster::detect(cluster::builtin_environments(), variables));
  FABRIC_ASSIGN_OR_RETURN(request.agent_program, agent_beside_this());
  std::error_code error;
  request.current_directory = std::filesystem::current_path(error).string();
  if (error) return errno_status(error.value(), "find the current directory");
  request.run_id = command.run_id;
  request.wrapper = {command.wrapper, command.wrapped_ranks, false};
  request.verbose = command.verbose;
  request.display = display_of(command, variables);
  return ok_status();
}

void choose_runs_directory(const RunCommand& command, RunRequest& request) {
  std::string chosen = "runs";
  if (!command.runs_directory.empty()) {
    chosen = command.runs_directory;
    request.runs_directory_source = {ValueSource::Kind::kFlag, "--run-dir"};
  } else if (!request.spec().output.directory.empty()) {
    chosen = request.spec().output.directory;
    request.runs_directory_source = job::source_of(request.job.sources, "output.directory");
  }
  request.runs_directory = (std::filesystem::path(request.current_directory) / chosen).lexically_normal().string();
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
  if (!wrapped.ok()) return Refusal{exit_code::kUsage, wrapped};
  const size_t num_wrapped = wrapper.ranks.empty() ? static_cast<size_t>(world_size) : wrapper.ranks.size();
  wrapper.has_terminal = !wrapper.command.empty() && num_wrapped == 1 && TerminalLoan::is_possible();
  if (wrapper.has_terminal) request.display.live = false;  // the tool draws there
  return std::nullopt;
}

}  // namespace

Refusal refusal_at(const ValueSource& source, const Status& status) {
  const bool is_flag = source.kind == ValueSource::Kind::kFlag;
  const bool has_place = source.kind != ValueSource::Kind::kDefault;
  return {is_flag ? exit_code::kUsage : exit_code::kBadJob, has_place ? status.with_context(source.text) : status};
}

tl::expected<RunRequest, Refusal> make_request(const RunCommand& command, const cluster::Variables& variables) {
  RunRequest request;
  job::Diagnostics diagnostics;
  auto job = job::read_job(command.job, {command.overrides, command.profile, variables}, diagnostics);
  if (!job.ok()) {
    const int code = diagnostics.is_usage_error() ? exit_code::kUsage : exit_code::kBadJob;
    return tl::unexpected(Refusal{code, job.status()});
  }
  request.job = std::move(*job);
  auto build_id = check_program(request.spec().program);
  if (!build_id.ok()) {
    return tl::unexpected(refusal_at(job::source_of(request.job.sources, "program"), build_id.status()));
  }
  request.build_id = std::move(*build_id);
  const Status surroundings = look_around(command, variables, request);
  if (!surroundings.ok()) return tl::unexpected(Refusal{exit_code::kFailure, surroundings});
  choose_runs_directory(command, request);
  request.display.ranks = request.spec().output.ranks;
  for (const auto& [name, value] : variables) {
    if (job::is_passed(request.spec().env, name)) request.environment.push_back(concat(name, '=', value));
  }
  if (auto refusal = check_ranks(request)) return tl::unexpected(std::move(*refusal));
  return request;
}

rendezvous::Settings settings_of(const RunRequest& request, const std::string& run_id, const std::string& run_directory,
                                 const std::string& program) {
  return make_settings(request.spec(), request.cluster,
                       {run_id, run_directory, program, request.current_directory, request.wrapper});
}

LocalAgent::Options agent_options_of(const RunRequest& request, const std::string& run_directory,
                                     const GenerationPlan& common_plan) {
  LocalAgent::Options options;
  options.program = request.agent_program;
  options.agent_id = kAgentId;
  options.log_path = concat(run_directory, "/logs/agent-", kAgentId, ".log");
  options.log_level = request.verbose ? "debug" : "warning";
  options.environment = request.environment;
  options.common_plan = common_plan;
  return options;
}

}  // namespace fabric::launcher
