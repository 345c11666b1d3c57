#pragma once

#include <memory>

#include "fabric/strategy.h"

namespace fabric {

/// Chooses when it learns of the world: single_device for one rank, ddp for more. From then on it is that strategy.
class AutoStrategy final : public Strategy {
 public:
  /// Returns "auto" before setup_environment(), the chosen strategy's name after it.
  std::string name() const override;
  void setup_environment(Environment& environment, Accelerator& accelerator) override;
  c10::Device device() const override { return chosen().device(); }
  Collective& collective() override { return chosen().collective(); }
  std::shared_ptr<StrategyModule> setup_module(const ModuleParameters& module) override {
    return chosen().setup_module(module);
  }
  void backward(const at::Tensor& loss) override { chosen().backward(loss); }
  DataShare data_share() const override { return chosen().data_share(); }
  bool needs_entry() const override { return chosen().needs_entry(); }

 private:
  /// Throws InternalError before setup_environment().
  Strategy& chosen() const;

  std::unique_ptr<Strategy> chosen_;
};

}  // namespace fabric
