#pragma once

#include <cstddef>
#include <cstdint>

namespace fabric {

/// Returns the CRC-32 of zip files over `size` bytes at `data`, going on from `previous` (0 at the start).
uint32_t crc32_of(const void* data, size_t size, uint32_t previous = 0);

}  // namespace fabric
