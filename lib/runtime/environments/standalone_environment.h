#pragma once

#include <string>
#include <vector>

#include "fabric/environment.h"

namespace fabric {

/// What a program that runs on its own, without fabric-run, was told on its command line.
struct StandaloneJob {
  std::string job_json;       ///< {"name": ..., "args": {...}, "fabric": {...}}
  std::string job_directory;  ///< absolute; that of the job file, or the working directory
  std::string name;           ///< the job's, or that of the executable
};

/// Reads `--key=value`, `--key value` and `--flag` into "args" of the job, `--fabric.KEY` into "fabric", and takes `--job FILE`
/// (JSON) as what they are laid over. A value that is a JSON number, true or false has that type, all else is text.
/// `program` is argv[0]; its file name is the job's name where the job has none.
/// Throws UsageError for an argument of another form and for a job file that is missing or no JSON object.
FABRIC_API StandaloneJob parse_standalone_job(const std::string& program, const std::vector<std::string>& arguments);

/// The environment of a program that runs on its own: one rank, a store in memory, a run directory under ./runs/. Once it has
/// ended a step, SIGINT (Ctrl-C) stops it at the end of the next one, and a second SIGINT at once; unless the program has a
/// handler of its own, or was started with SIGINT ignored. One of them at a time.
class FABRIC_API StandaloneEnvironment final : public Environment {
 public:
  /// Makes the run directory `<runs_directory>/<name>-<UTC time>`, with a number behind it if that is taken.
  /// Throws SystemError if it cannot be made.
  explicit StandaloneEnvironment(StandaloneJob job, const std::string& runs_directory = "runs");
  ~StandaloneEnvironment() override;

  std::string name() const override { return "standalone"; }
  int global_rank() const override { return 0; }
  int local_rank() const override { return 0; }
  int node_rank() const override { return 0; }
  int world_size() const override { return 1; }
  int local_world_size() const override { return 1; }
  int num_nodes() const override { return 1; }
  int restart_count() const override { return 0; }
  std::string address() const override { return "127.0.0.1"; }
  std::string run_directory() const override { return run_directory_; }
  std::string job_json() const override { return job_.job_json; }
  std::string job_directory() const override { return job_.job_directory; }
  c10::intrusive_ptr<c10d::Store> store() override;
  void report_ready() override {}
  void report_step(int64_t) override {}
  bool stops_after(int64_t step) override;
  bool should_stop() const override;

 private:
  StandaloneJob job_;
  std::string run_directory_;
  c10::intrusive_ptr<c10d::Store> store_;
  bool has_steps_ = false;
  bool handles_interrupt_ = false;
};

}  // namespace fabric
