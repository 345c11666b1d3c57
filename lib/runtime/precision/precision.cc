#include "fabric/precision.h"

namespace fabric {

PrecisionScope::~PrecisionScope() = default;
Precision::~Precision() = default;

}  // namespace fabric
