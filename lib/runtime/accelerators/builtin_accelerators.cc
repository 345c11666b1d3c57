#include "fabric/error.h"
#include "fabric/registry.h"
#include "runtime/accelerators/cpu_accelerator.h"
#include "runtime/accelerators/cuda_accelerator.h"
#include "runtime/accelerators/cuda_library.h"

namespace fabric {
namespace {

std::optional<std::string> always_available() { return std::nullopt; }

std::unique_ptr<Accelerator> make_best_accelerator() {
  if (const CudaLibrary& cuda = cuda_library(); cuda.api != nullptr)
    return std::make_unique<CudaAccelerator>(*cuda.api);
  return std::make_unique<CpuAccelerator>();
}

}  // namespace

void add_builtin_accelerators(AcceleratorRegistry& registry) {
  registry.add(
      {.name = "cpu", .description = "the processor's cores", .why_unavailable = always_available, .create = [] {
         return std::make_unique<CpuAccelerator>();
       }});
  registry.add({.name = "cuda",
                .description = "NVIDIA GPUs",
                .why_unavailable = [] { return cuda_library().why_not; },
                .create = [] { return std::make_unique<CudaAccelerator>(*cuda_library().api); }});
  registry.add({.name = "auto",
                .description = "cuda where a driver shows devices, cpu elsewhere",
                .why_unavailable = always_available,
                .create = make_best_accelerator});
}

}  // namespace fabric
