#include "runtime/checkpoint/crc32.h"

#include <gtest/gtest.h>

#include <string>

#include "core/crc32.h"

namespace fabric {
namespace {

std::string numbered_bytes(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 131 + (i >> 8));
  return bytes;
}

TEST(Crc32Test, EqualsTheDefinitionForEverySizeAndAlignment) {
  const std::string bytes = numbered_bytes(700);

  for (size_t begin = 0; begin < 17; ++begin) {
    for (size_t size = 0; begin + size < bytes.size(); size += size < 200 ? 1 : 37) {
      EXPECT_EQ(crc32_of(bytes.data() + begin, size), crc32_of(std::string_view(bytes).substr(begin, size))) << size;
    }
  }
}

TEST(Crc32Test, GoesOnFromWhatCameBefore) {
  const std::string bytes = numbered_bytes(1'000);
  const uint32_t whole = crc32_of(bytes.data(), bytes.size());

  for (size_t cut = 0; cut <= bytes.size(); cut += 61) {
    EXPECT_EQ(crc32_of(bytes.data() + cut, bytes.size() - cut, crc32_of(bytes.data(), cut)), whole) << cut;
  }
}

TEST(Crc32Test, IsTheSameInParallel) {
  const std::string bytes = numbered_bytes(9'500'001);

  EXPECT_EQ(crc32_in_parallel(bytes), crc32_of(bytes.data(), bytes.size()));
  const std::string_view all = bytes;
  EXPECT_EQ(crc32_in_parallel({all.substr(0, 5), "", all}),
            (std::vector<uint32_t>{crc32_of(all.substr(0, 5)), 0, crc32_of(bytes.data(), bytes.size())}));
}

}  // namespace
}  // namespace fabric
