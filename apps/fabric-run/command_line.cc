#include "command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "core/exit_codes.h"
#include "core/ids.h"
#include "core/version.h"
#include "shell_words.h"

namespace fabric::launcher {
namespace {

constexpr const char* kFooter = R"(
Ends with the first failing rank's exit code, or with
  0   all ranks ended well             76  not all nodes came in time
  1   Fabric itself failed             78  the job or its program is wrong
  2   the command line is wrong        128 + N  signal N ended a rank, or the job
  75  stopped at an agreed step, start it again

`fabric-run validate JOB` checks a job file, `fabric-run explain JOB` prints what would be started and where each
value comes from, `fabric-run schema` prints a JSON schema of job files for editors. None of them starts anything.)";

std::string not_empty(const std::string& text) {
  return text.empty() ? "must be a name, but is empty; leave the option out for its default" : "";
}

template <class JobCommand>
void describe_job(CLI::App& app, JobCommand& command) {
  app.add_option("JOB", command.job, "The job file (YAML; docs/job-file.md)")->required();
  app.add_option("--profile", command.profile, "Lay this one of the job's profiles over it")
      ->type_name("NAME")
      ->check(not_empty);
  app.add_option("--set", command.overrides,
                 "Set a key of the job, as in --set args.epochs=3; may be given several times")
      ->type_name("PATH=VALUE")
      ->expected(1)
      ->take_all();
}

/// Reads an option's text by `read` into `value`; what is wrong with it ends the parsing.
template <class Value, class Read>
CLI::Option* add_read_option(CLI::App& app, const std::string& name, Value& value, Read read, const std::string& help) {
  const auto take = [&value, name, read](const std::string& text) {
    auto result = read(text);
    if (!result.ok()) throw CLI::ValidationError(name, result.status().message());
    value = std::move(*result);
  };
  return app.add_option_function<std::string>(name, take, help);
}

Result<std::vector<std::string>> read_wrapper(const std::string& text) {
  FABRIC_ASSIGN_OR_RETURN(std::vector<std::string> words, split_words(text));
  if (words.empty()) return invalid_argument("must be a command, but is empty; write 'gdb --args' for example");
  return words;
}

void describe_wrapper(CLI::App& app, RunCommand& run) {
  CLI::Option* const wrap = add_read_option(app, "--wrap", run.wrapper, read_wrapper,
                                            "Run ranks by a command, as in --wrap 'gdb --args' (docs/debugging.md)");
  wrap->type_name("COMMAND");
  add_read_option(
      app, "--ranks", run.wrapped_ranks, [](const std::string& text) { return parse_ranks(text); },
      "Global ranks that --wrap is for, as in 0,2-3 (default: all)")
      ->type_name("LIST")
      ->needs(wrap);
}

void describe_run(CLI::App& app, RunCommand& run) {
  app.set_version_flag("--version", std::string("fabric-run ") + kVersion);
  app.footer(kFooter);
  describe_job(app, run);
  app.add_option("--run-dir", run.runs_directory, "Directory in which the run's directory is made (default: runs)")
      ->type_name("DIR")
      ->check(not_empty);
  CLI::Option* const run_id =
      app.add_option("--run-id", run.run_id,
                     "Name of the run and of its directory (default: job name, time, 4 hex digits)")
          ->type_name("ID")
          ->check([](const std::string& id) {
            const bool good = is_valid_name(id) && id != "latest";
            return good
                       ? ""
                       : "must be 1 to 64 letters, digits, '.', '_' or '-', not start with '.' or '-', and not be 'latest'";
          });
  app.add_option(
         "--resume", run.resume,
         "Go on with the run of this name, or with the job's latest one (last); or begin a new run at a checkpoint")
      ->type_name("last|RUN|PATH")
      ->check(not_empty)
      ->excludes(run_id);
  app.add_option_function<int>(
         "--simulate-nodes", [&run](int count) { run.overrides.push_back(concat("cluster.simulate_nodes=", count)); },
         "So many nodes on this machine, to try elastic jobs, as --set cluster.simulate_nodes=N")
      ->type_name("N")
      ->check(CLI::Range(1, 64));
  describe_wrapper(app, run);
  app.add_flag("--dry-run", run.dry_run, "Print what would be started, and where each value comes from; start nothing");
  app.add_flag("--json", run.json,
               "Print events and output of ranks as one JSON object a line, or the plan as one object");
  app.add_flag_callback(
      "--no-color", [&run] { run.color = false; }, "Print no colors, as with NO_COLOR set");
  app.add_flag_callback(
      "--no-fold", [&run] { run.fold = false; }, "Print a line that several ranks print once for each of them");
  app.add_flag_callback(
      "--no-live", [&run] { run.live = false; }, "Draw no lines about the ranks at the end of a terminal");
  app.add_flag("--verbose", run.verbose, "Print what fabric-run and the agents do");
}

/// Parses into `app`; returns how to end if that is all there was to do.
std::optional<EndCommand> parse(CLI::App& app, std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    app.parse(std::move(arguments));
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, err;
    const bool is_success = app.exit(error, out, err) == 0;
    return EndCommand{is_success ? exit_code::kSuccess : exit_code::kUsage, out.str(), err.str()};
  }
}

}  // namespace

Command parse_command_line(std::vector<std::string> arguments) {
  // Not subcommands of CLI11: a job file may be called validate too, as ./validate.
  if (!arguments.empty() && arguments.front() == "validate") {
    arguments.erase(arguments.begin());
    CLI::App app("Checks a job file, starts nothing.", "fabric-run validate");
    ValidateCommand validate;
    describe_job(app, validate);
    if (auto end = parse(app, std::move(arguments))) return *end;
    return validate;
  }
  if (!arguments.empty() && arguments.front() == "schema") {
    arguments.erase(arguments.begin());
    CLI::App app("Prints a JSON schema of job files, for editors.", "fabric-run schema");
    if (auto end = parse(app, std::move(arguments))) return *end;
    return SchemaCommand{};
  }
  const bool explains = !arguments.empty() && arguments.front() == "explain";
  if (explains) arguments.erase(arguments.begin());
  CLI::App app(explains ? "Prints what a job would start, and where each value comes from. Starts nothing."
                        : "Runs a training job: starts its ranks, watches them, and ends as they did.",
               explains ? "fabric-run explain" : "fabric-run");
  RunCommand run;
  run.dry_run = explains;
  describe_run(app, run);
  if (auto end = parse(app, std::move(arguments))) return *end;
  return run;
}

}  // namespace fabric::launcher
