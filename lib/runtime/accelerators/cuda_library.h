#pragma once

#include <optional>
#include <string>

#include "runtime/cuda/cuda_api.h"

namespace fabric {

/// What came of looking for NVIDIA devices: the functions of libfabric_cuda.so, or the reason why there are none.
struct CudaLibrary {
  const CudaApi* api = nullptr;  ///< null exactly if `why_not` is set; lives as long as the process
  std::optional<std::string> why_not;
};

/// Returns how many devices the driver shows, or why it shows none. Loads libcuda.so.1 only: no context is made, and no
/// memory of a device is taken.
struct DriverAnswer {
  int device_count = 0;
  std::optional<std::string> why_not;
};
DriverAnswer ask_cuda_driver();

/// Loads libfabric_cuda.so where there is a driver, and asks that nothing: a process whose children will use CUDA must neither
/// start the driver nor load the library after its first operator. What fails is told by cuda_library() later.
void preload_cuda_library();

/// Loads libfabric_cuda.so from the directory of this library where a driver answers with a device. The first call decides
/// for the life of the process, and must come before the first operator of LibTorch: CUDA is off for the process otherwise.
/// Any thread.
const CudaLibrary& cuda_library();

}  // namespace fabric
