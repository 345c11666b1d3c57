#include "fabric/precision.h"

namespace fabric {

PrecisionScope::~PrecisionScope() = default;
Precision::~Precision() = default;

Value Precision::state_dict() const { return {}; }

void Precision::load_state_dict(const Value&) {}

}  // namespace fabric
