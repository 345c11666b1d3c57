#include "fabric/ddp.h"
#include "fabric/registry.h"
#include "runtime/strategies/auto_strategy.h"
#include "runtime/strategies/single_device_strategy.h"

namespace fabric {
namespace {

std::optional<std::string> always_available() { return std::nullopt; }

}  // namespace

void add_builtin_strategies(StrategyRegistry& registry) {
  registry.add({.name = "auto",
                .description = "single_device for one rank, ddp for more",
                .why_unavailable = always_available,
                .create = [] { return std::make_unique<AutoStrategy>(); }});
  registry.add({.name = "single_device",
                .description = "one rank on one device",
                .why_unavailable = always_available,
                .create = [] { return std::make_unique<SingleDeviceStrategy>(); }});
  registry.add({.name = "ddp",
                .description = "a whole model on each rank, gradients averaged during the backward pass",
                .why_unavailable = always_available,
                .create = [] { return make_ddp_strategy(); }});
  registry.add({.name = "ddp_find_unused_parameters_true",
                .description = "ddp for models of which a pass may leave parameters out",
                .why_unavailable = always_available,
                .create = [] { return make_ddp_strategy({.find_unused_parameters = true}); }});
}

}  // namespace fabric
