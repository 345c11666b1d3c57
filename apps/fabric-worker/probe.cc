#include "probe.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/concat.h"

namespace fabric::worker {
namespace {

using nlohmann::json;

/// The few functions of the CUDA driver that the probe needs; the driver is no dependency of the build.
class CudaDriver {
 public:
  /// Returns why the driver cannot be asked; empty if it can.
  std::string open() {
    library_ = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr) return "no CUDA driver: libcuda.so.1 is not there";
    const bool complete = find(init_, "cuInit") && find(get_count_, "cuDeviceGetCount") &&
                          find(get_device_, "cuDeviceGet") && find(get_name_, "cuDeviceGetName") &&
                          find(total_memory_, "cuDeviceTotalMem_v2") && find(get_bus_id_, "cuDeviceGetPCIBusId") &&
                          find(error_name_, "cuGetErrorName");
    if (!complete) return "the CUDA driver is too old: libcuda.so.1 lacks functions of CUDA 6.0";
    if (const int code = init_(0); code != 0) return concat("the CUDA driver does not start: ", name_of(code));
    return {};
  }

  int device_count() const {
    int count = 0;
    return get_count_(&count) == 0 ? count : 0;
  }

  json describe(int index) const {
    int device = 0;
    std::array<char, 256> name{};
    size_t bytes = 0;
    if (get_device_(&device, index) != 0 || get_name_(name.data(), static_cast<int>(name.size()), device) != 0 ||
        total_memory_(&bytes, device) != 0) {
      return json();
    }
    return {{"kind", "cuda"},
            {"index", index},
            {"name", name.data()},
            {"memory_bytes", bytes},
            {"numa_node", numa_node(device)}};
  }

 private:
  template <class Function>
  bool find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(::dlsym(library_, name));
    return function != nullptr;
  }

  std::string name_of(int code) const {
    const char* name = nullptr;
    return error_name_(code, &name) == 0 && name != nullptr ? name : concat("error ", code);
  }

  int numa_node(int device) const {
    std::array<char, 64> bus_id{};
    if (get_bus_id_(bus_id.data(), static_cast<int>(bus_id.size()), device) != 0) return -1;
    std::string directory = bus_id.data();
    std::transform(directory.begin(), directory.end(), directory.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    int node = -1;
    std::ifstream(concat("/sys/bus/pci/devices/", directory, "/numa_node")) >> node;
    return node;
  }

  void* library_ = nullptr;
  int (*init_)(unsigned) = nullptr;
  int (*get_count_)(int*) = nullptr;
  int (*get_device_)(int*, int) = nullptr;
  int (*get_name_)(char*, int, int) = nullptr;
  int (*total_memory_)(size_t*, int) = nullptr;
  int (*get_bus_id_)(char*, int, int) = nullptr;
  int (*error_name_)(int, const char**) = nullptr;
};

}  // namespace

std::string probe_accelerators() {
  CudaDriver driver;
  json accelerators = json::array();
  std::string note = driver.open();
  if (note.empty()) {
    const int count = driver.device_count();
    for (int index = 0; index < count; ++index) {
      if (json device = driver.describe(index); !device.is_null())
        accelerators.push_back(std::move(device));
      else
        note = concat("CUDA device ", index, " does not answer");
    }
    if (count == 0) note = "the CUDA driver sees no device";
  }
  return json{{"accelerators", accelerators}, {"note", note}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace fabric::worker
