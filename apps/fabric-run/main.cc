#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>

#include "cluster/cluster_environment.h"
#include "command_line.h"
#include "core/exit_codes.h"
#include "job/job_reader.h"
#include "job_run.h"
#include "job_settings.h"
#include "process/signals.h"
#include "program_copy.h"
#include "terminal_loan.h"

namespace fabric::launcher {
namespace {

int fail(int exit_code, const Status& status) {
  std::istringstream lines(status.message());
  for (std::string line; std::getline(lines, line);) std::fprintf(stderr, "fabric-run: %s\n", line.c_str());
  return exit_code;
}

cluster::Variables read_variables() {
  cluster::Variables variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string::npos) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

// Programs of one installation lie beside each other.
Result<std::string> agent_beside_this() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return errno_status(error.value(), "find this program's own path");
  return (self.parent_path() / "fabric-agent").string();
}

Result<RunRequest> make_request(const RunCommand& command, const cluster::Variables& variables) {
  RunRequest request;
  FABRIC_ASSIGN_OR_RETURN(request.cluster, cluster::detect(cluster::builtin_environments(), variables));
  FABRIC_ASSIGN_OR_RETURN(request.agent_program, agent_beside_this());
  std::error_code error;
  const std::filesystem::path current = std::filesystem::current_path(error);
  if (error) return errno_status(error.value(), "find the current directory");
  request.current_directory = current.string();
  request.runs_directory = command.runs_directory.empty() ? "runs" : command.runs_directory;
  request.runs_directory = (current / request.runs_directory).lexically_normal().string();
  request.run_id = command.run_id;
  request.wrapper = {command.wrapper, command.wrapped_ranks, false};
  request.verbose = command.verbose;
  request.display.json = command.json;
  const auto no_color = variables.find("NO_COLOR");
  request.display.color = command.color && (no_color == variables.end() || no_color->second.empty());
  request.display.fold = command.fold;
  const auto terminal = variables.find("TERM");
  const bool is_dumb = terminal == variables.end() || terminal->second.empty() || terminal->second == "dumb";
  request.display.live = command.live && !is_dumb;
  for (const auto& [name, value] : variables) request.environment.push_back(concat(name, '=', value));
  return request;
}

int run(const RunCommand& command) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away ends the output, not the job
  std::signal(SIGXFSZ, SIG_IGN);  // so does a file that has reached its limit
  std::signal(SIGCHLD, SIG_DFL);  // where it is ignored, the kernel throws away how children end
  const Status blocked =
      process::block_signals(process::without_ignored({std::begin(kRunSignals), std::end(kRunSignals)}));
  if (!blocked.ok()) return fail(exit_code::kFailure, blocked);

  auto job = job::read_job(command.job, command.overrides);
  if (!job.ok()) return fail(exit_code::kBadJob, job.status());
  auto build_id = check_program(job->program);
  if (!build_id.ok()) return fail(exit_code::kBadJob, build_id.status());
  auto request = make_request(command, read_variables());
  if (!request.ok()) return fail(exit_code::kFailure, request.status());
  const Status enough_nodes = check_nodes(*job, request->cluster);
  if (!enough_nodes.ok()) return fail(exit_code::kBadJob, enough_nodes);
  const int world_size = largest_world(*job, request->cluster);
  const Status wrapped = check_wrapped_ranks(command.wrapped_ranks, world_size);
  if (!wrapped.ok()) return fail(exit_code::kUsage, wrapped);
  const size_t num_wrapped =
      command.wrapped_ranks.empty() ? static_cast<size_t>(world_size) : command.wrapped_ranks.size();
  request->wrapper.has_terminal = !command.wrapper.empty() && num_wrapped == 1 && TerminalLoan::is_possible();
  if (request->wrapper.has_terminal) request->display.live = false;  // the tool draws there
  if (command.runs_directory.empty() && !job->output.directory.empty()) {
    request->runs_directory = job->output.directory;
  }
  request->display.ranks = job->output.ranks;
  request->job = std::move(*job);
  request->build_id = std::move(*build_id);

  const SystemClock clock;
  const Result<int> exit_code = run_job(std::move(*request), clock);
  if (exit_code.ok()) return *exit_code;
  return fail(exit_code::kFailure, exit_code.status());
}

int run(const ValidateCommand& command) {
  const auto job = job::read_job(command.job, command.overrides);
  if (!job.ok()) return fail(exit_code::kBadJob, job.status());
  const Status program = check_program(job->program).status();
  // A job may be written before its program is built, or checked on another machine.
  if (!program.ok() && program.code() != StatusCode::kNotFound) return fail(exit_code::kBadJob, program);
  std::printf("%s: valid\n", command.job.c_str());
  if (!program.ok()) std::printf("not checked: %s\n", program.message().c_str());
  return exit_code::kSuccess;
}

int run(const EndCommand& command) {
  std::fputs(command.out.c_str(), stdout);
  std::fputs(command.err.c_str(), stderr);
  return command.exit_code;
}

}  // namespace
}  // namespace fabric::launcher

int main(int argc, char** argv) {
  namespace launcher = fabric::launcher;
  return std::visit([](const auto& command) { return launcher::run(command); },
                    launcher::parse_command_line(std::vector<std::string>(argv + 1, argv + argc)));
}
