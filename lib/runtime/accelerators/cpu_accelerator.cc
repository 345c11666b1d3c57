#include "runtime/accelerators/cpu_accelerator.h"

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {

c10::Device CpuAccelerator::device(int /*local_rank*/) const { return c10::Device(c10::kCPU); }

void CpuAccelerator::setup(const c10::Device& device) {
  if (!device.is_cpu())
    throw UsageError(concat("the device of accelerator 'cpu' must be cpu, but is '", device.str(), "'"));
}

}  // namespace fabric
