#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <ios>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/temporary_directory.h"

namespace fabric::testing {

/// What a run of the real fabric-run left behind.
struct JobResult {
  int exit_code = -1;      ///< as a shell shows it; 128 + N if fabric-run itself was ended by signal N
  bool timed_out = false;  ///< killed by the test because it did not end in time
  std::string out;
  std::string err;
  std::filesystem::path run_directory;  ///< <directory>/runs/latest
  nlohmann::json report;                ///< report.json, null if there is none
  std::vector<nlohmann::json> events;   ///< events.jsonl

  /// Returns all of it, for the message of a failed expectation.
  std::string describe() const;
};

/// How fabric-run is started, beside its arguments.
struct JobStart {
  std::vector<std::string> wrapper;  ///< command that executes it, as {"/usr/bin/nohup"}
  int out = -1;                      ///< its stdout; -1: a file, which becomes JobResult::out
  int err = -1;                      ///< its stderr, likewise
};

/// The real fabric-run while it runs. Its programs come from FABRIC_BIN_DIR, a definition of the test program.
class RunningJob {
 public:
  /// Starts `fabric-run ARGUMENTS...` with `directory` as working directory.
  RunningJob(const TemporaryDirectory& directory, const std::vector<std::string>& arguments,
             const JobStart& start = {});
  RunningJob(const RunningJob&) = delete;
  RunningJob& operator=(const RunningJob&) = delete;
  /// Kills it if it still runs.
  ~RunningJob();

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// Returns the events that are on disk now. Each is read once: a long job has many, and a test looks often.
  const std::vector<nlohmann::json>& events() const;
  /// Returns whether `count` events of that name come within `timeout`.
  bool wait_for_events(const std::string& event, int count = 1,
                       std::chrono::seconds timeout = std::chrono::seconds(30)) const;
  /// Waits for its end, and kills it when `timeout` is over.
  JobResult wait(std::chrono::seconds timeout = std::chrono::seconds(90));

 private:
  std::filesystem::path directory_;
  pid_t pid_ = -1;
  mutable std::filesystem::path events_file_;
  mutable std::streamoff num_read_ = 0;  // bytes of it
  mutable std::vector<nlohmann::json> events_;
};

/// Runs `fabric-run JOB FLAGS...` to its end, with `directory` as working directory, the job written there from `job_yaml`.
JobResult run_job(const TemporaryDirectory& directory, const std::string& job_yaml,
                  const std::vector<std::string>& flags = {}, std::chrono::seconds timeout = std::chrono::seconds(90));

/// Writes `job_yaml` to `directory` and returns the arguments "JOB FLAGS...".
std::vector<std::string> job_arguments(const TemporaryDirectory& directory, const std::string& job_yaml,
                                       const std::vector<std::string>& flags = {});

}  // namespace fabric::testing
