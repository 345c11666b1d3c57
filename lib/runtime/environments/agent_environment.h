#pragma once

#include <memory>
#include <string>

#include "core/generation_plan.h"
#include "fabric/environment.h"

namespace fabric {

class AgentLink;

/// The environment of a rank that an agent started: its place comes from the generation's plan, its store and its reports
/// go over the link to the agent.
class AgentEnvironment final : public Environment {
 public:
  /// The link is shared with the stores that store() gave away: process groups keep those beyond this object's life.
  explicit AgentEnvironment(std::shared_ptr<AgentLink> link);
  ~AgentEnvironment() override;

  std::string name() const override { return "agent"; }
  int global_rank() const override;
  int local_rank() const override;
  int node_rank() const override;
  int world_size() const override;
  int local_world_size() const override;
  int num_nodes() const override;
  int restart_count() const override;
  int64_t furthest_step() const override;
  bool waits_without_limit() const override;
  std::string address() const override { return address_; }
  std::string run_directory() const override;
  std::string job_json() const override;
  std::string job_directory() const override;
  c10::intrusive_ptr<c10d::Store> store() override;
  void report_ready() override;
  void report_step(int64_t step) override;
  void report_failure(const std::exception_ptr& failure) override;
  bool stops_after(int64_t step) override;
  bool should_stop() const override;

 private:
  const GenerationPlan& plan() const;

  std::shared_ptr<AgentLink> link_;
  std::string address_;
};

}  // namespace fabric
