#pragma once

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include <memory>
#include <optional>
#include <vector>

#include "fabric/ddp.h"
#include "fabric/strategy.h"
#include "runtime/collectives/process_group_collective.h"
#include "runtime/strategies/ddp_module.h"

namespace fabric {

/// A whole model on each rank; gradients are averaged over the ranks during the backward pass, in buckets.
///
/// The exchange is prepared inside backward(), where the graph says which modules take part, so any forward of a module (a
/// method, a scripted module) is synchronised. Two things differ from PyTorch's wrapper for it, which has the call of
/// forward() too: buffers are copied from rank 0 after each synchronised pass, not before the forward that follows, and
/// an unused parameter is named before the pass that leaves it out, not one step later.
class DdpStrategy final : public Strategy {
 public:
  /// `options` are valid.
  explicit DdpStrategy(const DdpOptions& options) : options_(options) {}

  std::string name() const override { return "ddp"; }
  void setup_environment(Environment& environment, Accelerator& accelerator) override;
  c10::Device device() const override { return device_; }
  Collective& collective() override;
  std::shared_ptr<StrategyModule> setup_module(const ModuleParameters& module) override;
  /// Throws PeerError if a rank left or did not come; gradients are then of no use.
  void backward(const at::Tensor& loss) override;
  DataShare data_share() const override;
  bool needs_entry() const override { return false; }

 private:
  /// Returns the modules whose gradients the pass changes and that are to be synchronised, made ready for it.
  std::vector<std::shared_ptr<DdpModule>> prepare(const at::Tensor& loss);

  DdpOptions options_;
  c10::Device device_{c10::kCPU};
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
  std::optional<ProcessGroupCollective> collective_;
  std::vector<std::weak_ptr<DdpModule>> modules_;  // in the order of setup, which is the same on all ranks
};

}  // namespace fabric
