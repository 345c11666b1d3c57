#include "runtime/checkpoint/crc32.h"

// Defines functions that are not inline: this is the only file that may include it.
#include <caffe2/serialize/crc_alt.h>

namespace fabric {

uint32_t crc32_of(const void* data, size_t size, uint32_t previous) {
  return crc32_16bytes_prefetch(data, size, previous);
}

}  // namespace fabric
