#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "cluster/cluster_environment.h"
#include "command_line.h"
#include "core/exit_codes.h"
#include "job/job_reader.h"
#include "job/job_schema.h"
#include "job_run.h"
#include "process/signals.h"
#include "program_copy.h"
#include "run_files.h"
#include "run_plan.h"
#include "run_request.h"

namespace fabric::launcher {
namespace {

void warn(const job::ResolvedJob& job) {
  for (const std::string& line : job.warnings) std::fprintf(stderr, "fabric-run: warning: %s\n", line.c_str());
}

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

int print_plan(const RunRequest& request) {
  const RunPlan plan = make_plan(request);
  std::fputs((request.display.json ? plan_json(plan) : plan_text(plan)).c_str(), stdout);
  return std::fflush(stdout) == 0 ? exit_code::kSuccess : exit_code::kFailure;
}

int run(const RunCommand& command) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away ends the output, not the job
  std::signal(SIGXFSZ, SIG_IGN);  // so does a file that has reached its limit
  std::signal(SIGCHLD, SIG_DFL);  // where it is ignored, the kernel throws away how children end
  const Status blocked =
      process::block_signals(process::without_ignored({std::begin(kRunSignals), std::end(kRunSignals)}));
  if (!blocked.ok()) return fail(exit_code::kFailure, blocked);

  auto request = make_request(command, read_variables());
  if (!request.has_value()) return fail(request.error().exit_code, request.error().reason);
  warn(request->job);
  if (command.dry_run) return print_plan(*request);
  const SystemClock clock;
  auto files = make_run_files(*request, clock);
  if (!files.has_value()) return fail(files.error().exit_code, files.error().reason);
  const Result<int> exit_code = run_job(std::move(*request), std::move(*files), clock);
  if (exit_code.ok()) return *exit_code;
  return fail(exit_code::kFailure, exit_code.status());
}

/// What `validate` found so far.
struct Validation {
  std::vector<std::string> profiles{};
  std::set<std::string> not_checked{};  ///< messages about programs that are not there
};

/// Checks the job's program. It may be written before its program is built, or checked on another machine.
std::optional<Refusal> check_program_of(const job::ResolvedJob& job, Validation& validation) {
  const Status program = check_program(job.spec.program, library_path_of(job.spec, read_variables())).status();
  if (program.ok()) return std::nullopt;
  if (program.code() != StatusCode::kNotFound) return refusal_at(job::source_of(job.sources, "program"), program);
  validation.not_checked.insert(program.message());
  return std::nullopt;
}

/// Checks the job as it is with `profile`; says what is wrong with it. Returns an exit code.
int validate(const ValidateCommand& command, const std::string& profile, Validation& validation) {
  job::Diagnostics diagnostics;
  auto job = job::read_job(command.job, {command.overrides, profile, read_variables()}, diagnostics);
  std::optional<Refusal> refusal;
  if (!job.ok()) {
    refusal = {diagnostics.is_usage_error() ? exit_code::kUsage : exit_code::kBadJob, job.status()};
  } else {
    warn(*job);
    refusal = check_program_of(*job, validation);
    validation.profiles = std::move(job->profiles);
  }
  if (!refusal.has_value()) return exit_code::kSuccess;
  const bool is_of_profile = !profile.empty() && command.profile.empty();
  if (is_of_profile) std::fprintf(stderr, "fabric-run: with --profile %s:\n", profile.c_str());
  return fail(refusal->exit_code, refusal->reason);
}

int run(const ValidateCommand& command) {
  Validation validation;
  int code = validate(command, command.profile, validation);
  if (code != exit_code::kSuccess) return code;
  const std::vector<std::string> others =
      command.profile.empty() ? std::exchange(validation.profiles, {}) : std::vector<std::string>{};
  for (const std::string& profile : others) code = std::max(code, validate(command, profile, validation));
  if (code != exit_code::kSuccess) return code;
  std::printf("%s: valid\n", command.job.c_str());
  for (const std::string& profile : others) std::printf("with --profile %s: valid\n", profile.c_str());
  for (const std::string& message : validation.not_checked) std::printf("not checked: %s\n", message.c_str());
  return exit_code::kSuccess;
}

int run(const SchemaCommand&) {
  std::fputs(job::json_schema().c_str(), stdout);
  return std::fflush(stdout) == 0 ? exit_code::kSuccess : exit_code::kFailure;
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
