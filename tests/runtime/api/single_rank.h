#pragma once

#include <fabric/environment.h>
#include <fabric/fabric.h>

#include <string>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <utility>

#include "support/temporary_directory.h"

namespace fabric {

/// An environment of one rank that remembers what was reported; its job and run directory are given.
class RecordingEnvironment final : public Environment {
 public:
  RecordingEnvironment(std::string run_directory, std::string job_json)
      : run_directory_(std::move(run_directory)), job_json_(std::move(job_json)) {}

  std::string name() const override { return "recording"; }
  int global_rank() const override { return 0; }
  int local_rank() const override { return 0; }
  int node_rank() const override { return 0; }
  int world_size() const override { return 1; }
  int local_world_size() const override { return 1; }
  int num_nodes() const override { return 1; }
  int restart_count() const override { return 2; }
  std::string address() const override { return "127.0.0.1"; }
  std::string run_directory() const override { return run_directory_; }
  std::string job_json() const override { return job_json_; }
  std::string job_directory() const override { return run_directory_; }
  c10::intrusive_ptr<c10d::Store> store() override { return c10::make_intrusive<c10d::HashStore>(); }
  void report_ready() override { ++ready_reports; }
  void report_step(int64_t step) override { last_step = step; }
  void report_failure(const std::exception_ptr& failure) override { last_failure = failure; }
  bool stops_after(int64_t step) override { return step == stop_step; }
  bool should_stop() const override { return stop_step >= 0; }

  int ready_reports = 0;
  int64_t last_step = -1;
  int64_t stop_step = -1;
  std::exception_ptr last_failure;

 private:
  std::string run_directory_;
  std::string job_json_;
};

/// A Fabric of one rank over a temporary run directory.
struct SingleRank {
  explicit SingleRank(Options options = {}, std::string job_json = "{}")
      : environment(directory.path().string(), std::move(job_json)), fabric(environment, std::move(options)) {}

  testing::TemporaryDirectory directory;
  RecordingEnvironment environment;
  Fabric fabric;
};

}  // namespace fabric
