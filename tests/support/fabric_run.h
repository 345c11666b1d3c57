#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace fabric::testing {

/// A directory that goes away with its owner.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// What a run of the real fabric-run left behind.
struct JobResult {
  int exit_code = -1;    ///< as a shell shows it; 128 + N if fabric-run itself was ended by signal N
  bool timed_out = false;  ///< killed by the test because it did not end in time
  std::string out;
  std::string err;
  std::filesystem::path run_directory;  ///< <directory>/runs/latest
  nlohmann::json report;                ///< report.json, null if there is none

  /// Returns all of it, for the message of a failed expectation.
  std::string describe() const;
};

/// Runs `fabric-run JOB FLAGS...` with `directory` as working directory, the job written there from `job_yaml`.
/// Binaries come from FABRIC_BIN_DIR, a definition of the test program.
JobResult run_job(const TemporaryDirectory& directory, const std::string& job_yaml, const std::vector<std::string>& flags = {},
                  std::chrono::seconds timeout = std::chrono::seconds(90));

}  // namespace fabric::testing
