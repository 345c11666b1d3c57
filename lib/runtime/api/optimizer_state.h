#pragma once

#include "fabric/pending_load.h"
#include "fabric/value.h"

namespace torch::optim {
class Optimizer;
}

namespace fabric {

/// Returns {"state": {"0": {...}, ...}, "param_groups": [{"lr": ..., "params": [0, ...]}, ...]} as Python's optimizers do; the
/// keys of "state" are the numbers of parameters, counted over all groups. Throws UsageError for a class whose state
/// it does not know.
Value optimizer_state_dict(torch::optim::Optimizer& optimizer);

/// Checks that such a value, of this library or of Python, fits the optimizer, and returns its loading; `optimizer` must outlive
/// that. Throws UsageError that says what does not fit.
PendingLoad prepare_optimizer_load(torch::optim::Optimizer& optimizer, const Value& value);

}  // namespace fabric
