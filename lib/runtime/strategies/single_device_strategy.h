#pragma once

#include "fabric/strategy.h"
#include "runtime/collectives/single_device_collective.h"

namespace fabric {

/// One rank on one device; nothing is exchanged.
class SingleDeviceStrategy final : public Strategy {
 public:
  std::string name() const override { return "single_device"; }
  void setup_environment(Environment& environment, Accelerator& accelerator) override;
  c10::Device device() const override { return device_; }
  Collective& collective() override { return collective_; }
  std::shared_ptr<StrategyModule> setup_module(const ModuleParameters& module) override;
  void backward(const at::Tensor& loss) override;
  DataShare data_share() const override { return {}; }
  bool needs_entry() const override { return false; }

 private:
  c10::Device device_{c10::kCPU};
  SingleDeviceCollective collective_;
};

}  // namespace fabric
