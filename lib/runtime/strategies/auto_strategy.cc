#include "runtime/strategies/auto_strategy.h"

#include "fabric/ddp.h"
#include "fabric/error.h"
#include "runtime/strategies/single_device_strategy.h"

namespace fabric {

std::string AutoStrategy::name() const { return chosen_ ? chosen_->name() : "auto"; }

void AutoStrategy::setup_environment(Environment& environment, Accelerator& accelerator) {
  if (environment.world_size() > 1) {
    chosen_ = make_ddp_strategy();
  } else {
    chosen_ = std::make_unique<SingleDeviceStrategy>();
  }
  chosen_->setup_environment(environment, accelerator);
}

Strategy& AutoStrategy::chosen() const {
  if (!chosen_) throw InternalError("strategy 'auto' must be set up before it is used");
  return *chosen_;
}

}  // namespace fabric
