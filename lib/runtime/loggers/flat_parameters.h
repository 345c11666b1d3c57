#pragma once

#include <string>
#include <utility>
#include <vector>

#include "fabric/value.h"

namespace fabric {

/// Returns the leaves of the dict `parameters` with their names joined by "/", in order: {"optim": {"lr": 0.1}} gives
/// "optim/lr". Elements of lists are named by their index; tensors are left out. Throws UsageError if it is no dict.
std::vector<std::pair<std::string, Value>> flat_parameters(const Value& parameters);

}  // namespace fabric
