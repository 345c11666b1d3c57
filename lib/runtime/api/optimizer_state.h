#pragma once

#include "fabric/value.h"

namespace torch::optim {
class Optimizer;
}

namespace fabric {

/// Returns {"state": {"0": {...}, ...}, "param_groups": [{"lr": ..., "params": [0, ...]}, ...]} as Python's optimizers do; the
/// keys of "state" are the numbers of parameters, counted over all groups. Throws UsageError for a class whose state
/// it does not know.
Value optimizer_state_dict(torch::optim::Optimizer& optimizer);

/// Takes such a value, of this library or of Python. Nothing changes unless all of it fits; else throws UsageError.
void load_optimizer_state(torch::optim::Optimizer& optimizer, const Value& value);

}  // namespace fabric
