#include "fabric/registry.h"
#include "runtime/precision/precision_32_true.h"

namespace fabric {

void add_builtin_precisions(PrecisionRegistry& registry) {
  registry.add({.name = "32-true",
                .description = "parameters and operators in the types that the program gave them, float32 by default",
                .why_unavailable = []() -> std::optional<std::string> { return std::nullopt; },
                .create = [] { return std::make_unique<Precision32True>(); }});
}

}  // namespace fabric
