#include "fabric/accelerator.h"

namespace fabric {

Accelerator::~Accelerator() = default;

}  // namespace fabric
