#pragma once

#include <cstddef>
#include <cstdint>

namespace c10d {
class Backend;
class Store;
}  // namespace c10d

namespace fabric {

/// Rises with every change of CudaApi.
inline constexpr uint32_t kCudaApiVersion = 1;

/// What libfabric_cuda.so offers to libfabric_runtime.so, which links no CUDA library itself. Functions write a message of at
/// most `error_size` - 1 characters to `error` when they fail, and let no exception pass.
struct CudaApi {
  uint32_t abi_version;
  /// Returns how many devices this process sees; 0 if the driver fails.
  int (*device_count)();
  /// Makes device `index` current for the calling thread. Returns whether it could.
  bool (*set_device)(int index, char* error, size_t error_size);
  /// Makes the NCCL backend of a process group: this rank is `rank` of `world_size`, they meet over `store` (borrowed; the
  /// backend keeps its own reference). Returns an owned reference (to be taken with intrusive_ptr::reclaim), null on failure.
  c10d::Backend* (*make_nccl_backend)(c10d::Store* store, int rank, int world_size, int64_t timeout_ms, char* error,
                                      size_t error_size);
};

/// The one function that libfabric_cuda.so exports.
inline constexpr const char* kCudaApiSymbol = "fabric_cuda_api";
using FabricCudaApiFunction = const CudaApi* (*)();

}  // namespace fabric
