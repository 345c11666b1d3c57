#pragma once

#include <c10/core/Storage.h>

#include <cstdint>
#include <memory>

namespace fabric {

/// Returns a storage over `bytes` bytes at `data`, which live as long as `owner`. Memory that is not aligned for every dtype is
/// copied.
c10::Storage mapped_storage(std::shared_ptr<const void> owner, void* data, uint64_t bytes);

}  // namespace fabric
