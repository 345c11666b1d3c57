#include "fabric/registry.h"

namespace fabric {

Registries Registries::with_builtins() {
  Registries registries;
  add_builtin_accelerators(registries.accelerators);
  add_builtin_strategies(registries.strategies);
  add_builtin_precisions(registries.precisions);
  add_builtin_loggers(registries.loggers);
  add_builtin_checkpoint_ios(registries.checkpoint_ios);
  return registries;
}

}  // namespace fabric
