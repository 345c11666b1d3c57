// cuda_loads LIBRARY: loads libfabric_cuda.so as the runtime would. Ends with 0 if its table is right, with 77 (a skip) if
// the NVIDIA libraries that it needs are not on this machine, with 1 otherwise.
#include <dlfcn.h>

#include <cstdio>
#include <cstring>

#include "runtime/cuda/cuda_api.h"

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  void* library = dlopen(argv[1], RTLD_NOW);
  if (library == nullptr) {
    const char* reason = dlerror();
    std::printf("cannot be loaded here: %s\n", reason);
    return std::strstr(reason, "cannot open shared object file") != nullptr ? 77 : 1;
  }
  const auto entry = reinterpret_cast<fabric::FabricCudaApiFunction>(dlsym(library, fabric::kCudaApiSymbol));
  if (entry == nullptr || entry()->abi_version != fabric::kCudaApiVersion) return 1;
  char error[256] = {};
  const int count = entry()->device_count();
  const bool could = entry()->set_device(count, error, sizeof error);
  std::printf("devices: %d; device %d: %s\n", count, count, error);
  return could ? 1 : 0;  // there is no device of that number
}
