#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace fabric {

/// Returns the CRC-32 of zip files over `size` bytes at `data`, going on from `previous` (0 at the start). 10 GB/s and more
/// where the processor multiplies without carry.
uint32_t crc32_of(const void* data, size_t size, uint32_t previous = 0);

/// Returns the CRC-32 of each of `pieces`, computed on as many threads as LibTorch computes with.
std::vector<uint32_t> crc32_in_parallel(const std::vector<std::string_view>& pieces);
uint32_t crc32_in_parallel(std::string_view bytes);

}  // namespace fabric
