#pragma once

#include <cstdint>
#include <string_view>

namespace fabric {

/// Returns the CRC-32 of `bytes` as in zip, PNG and Ethernet. For a few lines; checkpoints have a faster one.
constexpr uint32_t crc32_of(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320u : 0u);
  }
  return ~crc;
}

static_assert(crc32_of("123456789") == 0xCBF43926);

}  // namespace fabric
