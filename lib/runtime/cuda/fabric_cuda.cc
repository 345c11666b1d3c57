// libfabric_cuda.so: everything that needs LibTorch's CUDA libraries, behind one table of functions.
#include <c10/cuda/CUDAFunctions.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include <chrono>
#include <cstdio>
#include <exception>

#include "fabric/export.h"
#include "runtime/cuda/cuda_api.h"

namespace fabric {
namespace {

int device_count() { return c10::cuda::device_count(); }

/// Runs `body`; an exception becomes a message and `otherwise`.
template <class Body, class T>
T guarded(const Body& body, T otherwise, char* error, size_t error_size) {
  try {
    return body();
  } catch (const std::exception& failure) {
    std::snprintf(error, error_size, "%s", failure.what());
  } catch (...) {
    std::snprintf(error, error_size, "unknown exception");
  }
  return otherwise;
}

bool set_device(int index, char* error, size_t error_size) {
  return guarded(
      [&] {
        c10::cuda::set_device(static_cast<c10::DeviceIndex>(index));
        return true;
      },
      false, error, error_size);
}

c10d::Backend* make_nccl_backend(c10d::Store* store, int rank, int world_size, int64_t timeout_ms, char* error,
                                 size_t error_size) {
  return guarded(
      [&]() -> c10d::Backend* {
        auto options = c10d::ProcessGroupNCCL::Options::create();
        options->timeout = std::chrono::milliseconds(timeout_ms);
        auto shared = c10::intrusive_ptr<c10d::Store>::reclaim_copy(store);
        return c10::make_intrusive<c10d::ProcessGroupNCCL>(std::move(shared), rank, world_size, options).release();
      },
      static_cast<c10d::Backend*>(nullptr), error, error_size);
}

}  // namespace
}  // namespace fabric

extern "C" FABRIC_API const fabric::CudaApi* fabric_cuda_api() {
  static const fabric::CudaApi api{.abi_version = fabric::kCudaApiVersion,
                                   .device_count = fabric::device_count,
                                   .set_device = fabric::set_device,
                                   .make_nccl_backend = fabric::make_nccl_backend};
  return &api;
}
