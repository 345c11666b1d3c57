#include "runtime/checkpoint/mapped_storage.h"

#include <c10/core/CPUAllocator.h>

#include <cstring>

namespace fabric {
namespace {

constexpr uintptr_t kAlignment = 16;  // of a complex double

using Owner = std::shared_ptr<const void>;

}  // namespace

c10::Storage mapped_storage(std::shared_ptr<const void> owner, void* data, uint64_t bytes) {
  if (reinterpret_cast<uintptr_t>(data) % kAlignment != 0) {
    c10::Allocator* const allocator = c10::GetCPUAllocator();
    c10::Storage copy(c10::Storage::use_byte_size_t(), bytes, allocator->allocate(bytes), allocator,
                      /*resizable=*/false);
    if (bytes != 0) std::memcpy(copy.mutable_data(), data, bytes);
    return copy;
  }
  const auto release = [](void* held) { delete static_cast<Owner*>(held); };
  c10::DataPtr pointer(data, new Owner(std::move(owner)), release, c10::kCPU);
  return c10::Storage(c10::Storage::use_byte_size_t(), bytes, std::move(pointer), nullptr, /*resizable=*/false);
}

}  // namespace fabric
