#include "runtime/strategies/single_device_strategy.h"

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {
namespace {

/// Nothing is exchanged, so the switch is kept for whoever asks and has no effect.
class SingleDeviceModule final : public StrategyModule {
 public:
  void set_backward_sync(bool enabled) override { backward_sync_ = enabled; }
  bool backward_sync() const override { return backward_sync_; }

 private:
  bool backward_sync_ = true;
};

}  // namespace

void SingleDeviceStrategy::setup_environment(Environment& environment, Accelerator& accelerator) {
  if (environment.world_size() != 1) {
    throw UsageError(concat("strategy 'single_device' needs a world of 1 rank, but there are ",
                            environment.world_size(), "; use strategy 'ddp', or set devices and num_nodes to 1"));
  }
  device_ = accelerator.device(environment.local_rank());
  accelerator.setup(device_);
}

std::shared_ptr<StrategyModule> SingleDeviceStrategy::setup_module(const ModuleParameters& /*module*/) {
  return std::make_shared<SingleDeviceModule>();
}

void SingleDeviceStrategy::backward(const at::Tensor& loss) { loss.backward(); }

}  // namespace fabric
