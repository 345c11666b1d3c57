#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace fabric::launcher {

/// What `fabric-run JOB ...` was asked to do.
struct RunCommand {
  std::string job;                     ///< path of the job file
  std::vector<std::string> overrides;  ///< "path=value" of each --set
  std::string profile;                 ///< --profile; empty: none
  std::string runs_directory;          ///< --run-dir; empty: the job's output.directory, or runs/
  std::string run_id;                  ///< --run-id; empty: made of name and time
  std::string resume;                  ///< --resume: "last", a run or a path; empty: a new run
  std::vector<std::string> wrapper;    ///< words of --wrap: a command that runs ranks; empty: none
  std::vector<int> wrapped_ranks;      ///< --ranks, ascending: global ranks that it runs; empty: all
  bool dry_run = false;                ///< prints the plan and starts nothing; `fabric-run explain JOB` means the same
  bool json = false;
  bool color = true;
  bool fold = true;
  bool live = true;
  bool verbose = false;
};

/// What `fabric-run validate JOB ...` was asked to do.
struct ValidateCommand {
  std::string job;
  std::vector<std::string> overrides;
  std::string profile;  ///< empty: the job without one, and then with each that it has
};

/// `fabric-run schema`: prints the JSON schema of job files.
struct SchemaCommand {};

/// A text to print, then the program's end: help, version, or what is wrong with the command line.
struct EndCommand {
  int exit_code = 0;
  std::string out;
  std::string err;
};

using Command = std::variant<RunCommand, ValidateCommand, SchemaCommand, EndCommand>;

/// Reads the command line. `arguments` are those after the program's name.
Command parse_command_line(std::vector<std::string> arguments);

}  // namespace fabric::launcher
