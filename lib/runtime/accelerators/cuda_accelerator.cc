#include "runtime/accelerators/cuda_accelerator.h"

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/cuda/cuda_api.h"

namespace fabric {

int CudaAccelerator::auto_device_count() const { return api_.device_count(); }

c10::Device CudaAccelerator::device(int local_rank) const {
  const int count = api_.device_count();
  if (local_rank < 0 || local_rank >= count) {
    throw UsageError(concat("local rank ", local_rank, " needs a GPU of its own, but this node shows ", count,
                            "; lower devices or widen CUDA_VISIBLE_DEVICES"));
  }
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(local_rank));
}

void CudaAccelerator::setup(const c10::Device& device) {
  if (!device.is_cuda() || !device.has_index()) {
    throw UsageError(concat("the device of accelerator 'cuda' must be cuda:<number>, but is '", device.str(), "'"));
  }
  char error[256] = {};
  if (!api_.set_device(device.index(), error, sizeof error)) {
    throw SystemError(concat("cannot make ", device.str(), " current: ", error));
  }
}

}  // namespace fabric
