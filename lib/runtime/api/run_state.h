#pragma once

#include <optional>
#include <string>

#include "fabric/value.h"

namespace fabric {

namespace detail {
struct FabricCore;
}

/// The entry of a checkpoint that Fabric itself saves, without being asked.
inline constexpr const char* kRunStateKey = "fabric";

/// Returns that entry: the step, the world it was saved in, and what training depends on without being in a program's state: the
/// generators of all ranks, the places of loaders, the precision's scale, what callbacks keep, the policy's metric. Collective.
Dict collect_run_state(detail::FabricCore& core);

/// Throws UsageError unless `run_state` is such an entry, of this version.
void check_run_state(const Value& run_state);

/// Puts back what collect_run_state() took, as far as this program has it. Generators only where the world has the same size:
/// in another one each rank's numbers are other ones anyway. `run_state` was checked.
void apply_run_state(detail::FabricCore& core, const Value& run_state);

/// Returns the step at which a checkpoint was saved, or nothing if Fabric did not save it.
std::optional<int64_t> saved_step(const Value& checkpoint);

/// Returns the value that the metric `name` had when a checkpoint was saved, if the policy named it then.
std::optional<double> saved_metric(const Value& checkpoint, const std::string& name);

}  // namespace fabric
