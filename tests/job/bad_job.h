#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "job/job_layers.h"

namespace fabric::testing {

/// A job that must be refused, as a file in tests/job/bad/ or bad_run/ has it. Lines of such a file that start with
///
///   "#! "    say what must be said: "LINE:COLUMN: message" of the job; "!", and the whole text for another place
///   "#@ "    are one argument of fabric-run each
///   "#$ "    are a variable of its environment, NAME=VALUE
///
/// and are no part of the job.
struct BadJob {
  std::string text;
  std::vector<std::string> arguments{};
  job::Variables variables{};  ///< as "#$ " says, nothing else
  std::string expected{};      ///< lines of the message, the job called "job.yaml"
  int exit_code = 78;          ///< 2 if all mistakes are of the command line
};

/// Returns the arguments "--set", "a=b", "--profile", "c" and the variables as inputs of the reader.
job::JobInputs inputs_of(const BadJob& bad);

/// Reads the text of such a file.
BadJob parse_bad_job(const std::string& text);

/// Reads one file; "@FILES@" in it becomes `files`, a directory of the test, "@MACHINE@" the name of this one.
BadJob read_bad_job(const std::filesystem::path& path, const std::string& files = {});

/// Returns which parts of a message "what must hold, what is; what to do" its line lacks; empty: none.
std::string missing_parts(const std::string& line);

/// Returns the files of a directory in their order.
std::vector<std::filesystem::path> bad_job_files(const std::filesystem::path& directory);

}  // namespace fabric::testing
