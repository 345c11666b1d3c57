#pragma once

#include <string>

#include "fabric/accelerator.h"

namespace fabric {

struct CudaApi;

/// The NVIDIA GPUs that the driver shows this process (CUDA_VISIBLE_DEVICES is obeyed); rank i of a node has cuda:i.
class CudaAccelerator final : public Accelerator {
 public:
  /// `api` is that of the loaded libfabric_cuda.so; it lives as long as the process.
  explicit CudaAccelerator(const CudaApi& api) : api_(api) {}

  std::string name() const override { return "cuda"; }
  int auto_device_count() const override;
  /// Throws UsageError if the node has no GPU of that number.
  c10::Device device(int local_rank) const override;
  /// Throws SystemError if the driver refuses.
  void setup(const c10::Device& device) override;
  std::string process_group_backend() const override { return "nccl"; }

 private:
  const CudaApi& api_;
};

}  // namespace fabric
