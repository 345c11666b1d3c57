#include "runtime/accelerators/cuda_library.h"

#include <dlfcn.h>

#include <filesystem>

#include "core/concat.h"

namespace fabric {
namespace {

constexpr int kCudaSuccess = 0;
constexpr const char* kDriverName = "libcuda.so.1";
constexpr const char* kLibraryName = "libfabric_cuda.so";

/// Returns the directory of the file that holds this code: libfabric_runtime.so, or a test program.
std::filesystem::path own_directory() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&cuda_library), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code ignored;
  return std::filesystem::absolute(info.dli_fname, ignored).parent_path();
}

void* load_own_library() {
  // Never closed: LibTorch's CUDA hooks stay registered in the process.
  return dlopen((own_directory() / kLibraryName).c_str(), RTLD_NOW | RTLD_GLOBAL);
}

CudaLibrary failed(std::string reason) { return {.api = nullptr, .why_not = std::move(reason)}; }

CudaLibrary load() {
  if (DriverAnswer driver = ask_cuda_driver(); driver.why_not) return failed(*driver.why_not);
  const std::string path = (own_directory() / kLibraryName).string();
  void* handle = load_own_library();
  if (handle == nullptr)
    return failed(concat("the driver shows devices, but '", path, "' cannot be loaded: ", dlerror()));
  const auto entry = reinterpret_cast<FabricCudaApiFunction>(dlsym(handle, kCudaApiSymbol));
  if (entry == nullptr)
    return failed(concat("'", path, "' has no function ", kCudaApiSymbol, "; install both libraries of one build"));
  const CudaApi* api = entry();
  if (api->abi_version != kCudaApiVersion) {
    return failed(concat("'", path, "' must be of interface ", kCudaApiVersion, ", but is of ", api->abi_version,
                         "; install both libraries of one build"));
  }
  return {.api = api, .why_not = std::nullopt};
}

}  // namespace

DriverAnswer ask_cuda_driver() {
  void* driver = dlopen(kDriverName, RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr)
    return {.device_count = 0, .why_not = concat("no NVIDIA driver: ", kDriverName, " is not there")};
  const auto init = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"));
  const auto get_count = reinterpret_cast<int (*)(int*)>(dlsym(driver, "cuDeviceGetCount"));
  if (init == nullptr || get_count == nullptr)
    return {.device_count = 0, .why_not = concat(kDriverName, " is no NVIDIA driver")};
  if (const int code = init(0); code != kCudaSuccess) {
    return {.device_count = 0, .why_not = concat("the NVIDIA driver does not start: cuInit returned ", code)};
  }
  int count = 0;
  if (const int code = get_count(&count); code != kCudaSuccess) {
    return {.device_count = 0,
            .why_not = concat("the NVIDIA driver does not answer: cuDeviceGetCount returned ", code)};
  }
  if (count == 0)
    return {.device_count = 0, .why_not = "the NVIDIA driver shows no device; look at CUDA_VISIBLE_DEVICES"};
  return {.device_count = count, .why_not = std::nullopt};
}

void preload_cuda_library() {
  if (dlopen(kDriverName, RTLD_NOW | RTLD_LOCAL) != nullptr) load_own_library();
}

const CudaLibrary& cuda_library() {
  static const CudaLibrary library = load();
  return library;
}

}  // namespace fabric
