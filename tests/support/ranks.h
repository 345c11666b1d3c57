#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "fabric/environment.h"

namespace fabric::testing {

/// The environment of one of the ranks that run_ranks() started: one host, a store in a file, 127.0.0.1.
class RankEnvironment final : public Environment {
 public:
  RankEnvironment(int rank, int world_size, std::string directory)
      : rank_(rank), world_size_(world_size), directory_(std::move(directory)) {}

  std::string name() const override { return "test"; }
  int global_rank() const override { return rank_; }
  int local_rank() const override { return rank_; }
  int node_rank() const override { return 0; }
  int world_size() const override { return world_size_; }
  int local_world_size() const override { return world_size_; }
  int num_nodes() const override { return 1; }
  int restart_count() const override { return 0; }
  bool waits_without_limit() const override { return waits_without_limit_; }
  void wait_without_limit() { waits_without_limit_ = true; }
  std::string address() const override { return "127.0.0.1"; }
  std::string run_directory() const override { return directory_; }
  std::string job_json() const override { return "{}"; }
  std::string job_directory() const override { return directory_; }
  c10::intrusive_ptr<c10d::Store> store() override;
  void report_ready() override {}
  void report_step(int64_t /*step*/) override {}

 private:
  int rank_;
  int world_size_;
  std::string directory_;
  c10::intrusive_ptr<c10d::Store> store_;
  bool waits_without_limit_ = false;
};

/// How a rank ended.
struct RankOutcome {
  bool ok = false;   ///< its body returned
  int signal = 0;    ///< the signal that ended it, 0 if none did
  std::string text;  ///< what the body returned, or "<class>: <message>" of the exception it threw
};

/// Runs `body` in `world_size` forked processes at once and returns their outcomes by rank. Ranks that are not done after
/// `deadline` are killed. For test programs that have made no thread before: fork takes the calling thread only.
std::vector<RankOutcome> run_ranks(int world_size, const std::function<std::string(RankEnvironment&)>& body,
                                   std::chrono::seconds deadline = std::chrono::seconds(60));

/// Throws std::runtime_error with `what` unless `holds`: EXPECT_* of a forked rank reaches nobody.
void require(bool holds, const std::string& what);

}  // namespace fabric::testing
