#pragma once

#include "runtime/api/optimizer_layout.h"

namespace fabric {

/// Returns the layout of LBFGS: what belongs to all parameters together stands as the state of the first one, as in Python.
OptimizerLayout lbfgs_layout();

}  // namespace fabric
