#include "runtime/checkpoint/crc32.h"

#include <ATen/Parallel.h>
// Defines functions that are not inline: this is the only file that may include it.
#include <caffe2/serialize/crc_alt.h>

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/helper_thread.h"

namespace fabric {
namespace {

// Joining two checksums takes as long as making one of some hundred kilobytes.
constexpr size_t kBlockBytes = size_t{8} << 20;

#if defined(__x86_64__)
constexpr size_t kFoldBytes = 64;

/// Folds `x` by the distance that the constants `k` stand for, onto `next`.
__attribute__((target("pclmul,sse4.1"))) __m128i fold(__m128i x, __m128i k, __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(x, k, 0x00);
  const __m128i high = _mm_clmulepi64_si128(x, k, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

__attribute__((target("pclmul,sse4.1"))) __m128i load(const char* data) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(data));
}

/// The CRC's inverse over a multiple of 16 bytes, at least 64: "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
/// Instruction", Intel 2009, with the constants of its bit-reflected form.
__attribute__((target("pclmul,sse4.1"))) uint32_t fold_all(const char* data, size_t size, uint32_t inverse) {
  const __m128i by_64 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  const __m128i by_16 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  const __m128i by_8 = _mm_set_epi64x(0, 0x0163cd6124);
  const __m128i polynomial = _mm_set_epi64x(0x01f7011641, 0x01db710641);
  const __m128i low_halves = _mm_setr_epi32(~0, 0, ~0, 0);
  __m128i a = _mm_xor_si128(load(data), _mm_cvtsi32_si128(static_cast<int>(inverse)));
  __m128i b = load(data + 16), c = load(data + 32), d = load(data + 48);
  for (data += kFoldBytes, size -= kFoldBytes; size >= kFoldBytes; data += kFoldBytes, size -= kFoldBytes) {
    a = fold(a, by_64, load(data));
    b = fold(b, by_64, load(data + 16));
    c = fold(c, by_64, load(data + 32));
    d = fold(d, by_64, load(data + 48));
  }
  a = fold(fold(fold(a, by_16, b), by_16, c), by_16, d);
  for (; size >= 16; data += 16, size -= 16) a = fold(a, by_16, load(data));
  a = _mm_xor_si128(_mm_srli_si128(a, 8), _mm_clmulepi64_si128(a, by_16, 0x10));
  a = _mm_xor_si128(_mm_srli_si128(a, 4), _mm_clmulepi64_si128(_mm_and_si128(a, low_halves), by_8, 0x00));
  __m128i q = _mm_clmulepi64_si128(_mm_and_si128(a, low_halves), polynomial, 0x10);
  q = _mm_clmulepi64_si128(_mm_and_si128(q, low_halves), polynomial, 0x00);
  return static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(a, q), 1));
}

bool can_fold() {
  static const bool kCan = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
  return kCan;
}
#endif

}  // namespace

uint32_t crc32_of(const void* data, size_t size, uint32_t previous) {
  const char* bytes = static_cast<const char*>(data);
#if defined(__x86_64__)
  if (size >= kFoldBytes && can_fold()) {
    const size_t folded = size & ~size_t{15};
    previous = ~fold_all(bytes, folded, ~previous);
    bytes += folded;
    size -= folded;
  }
#endif
  return crc32_16bytes_prefetch(bytes, size, previous);
}

std::vector<uint32_t> crc32_in_parallel(const std::vector<std::string_view>& pieces) {
  std::vector<std::string_view> blocks;
  for (std::string_view rest : pieces) {
    for (; !rest.empty(); rest.remove_prefix(std::min(rest.size(), kBlockBytes)))
      blocks.push_back(rest.substr(0, kBlockBytes));
  }
  std::vector<uint32_t> crcs(blocks.size());
  // Each thread takes the next block: one that is held up holds up no other.
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < blocks.size(); i = next++) crcs[i] = crc32_of(blocks[i].data(), blocks[i].size());
  };
  {
    // Not at::parallel_for(): its loop is compiled into its caller, and runs on one thread unless that is built with OpenMP.
    std::vector<std::jthread> others;
    const size_t num_threads = std::min(blocks.size(), static_cast<size_t>(at::get_num_threads()));
    try {
      for (size_t i = 1; i < num_threads; ++i) {
        others.push_back(start_helper_thread("fabric-crc", [&work](const std::stop_token&) { work(); }));
      }
    } catch (const std::system_error&) {  // as many threads as there may be: this one does what is left
    }
    work();
  }
  std::vector<uint32_t> results;
  size_t block = 0;
  for (const std::string_view piece : pieces) {
    uint32_t crc = 0;
    for (size_t done = 0; done < piece.size(); done += blocks[block++].size()) {
      crc = done == 0 ? crcs[block] : crc32_combine(crc, crcs[block], blocks[block].size());
    }
    results.push_back(crc);
  }
  return results;
}

uint32_t crc32_in_parallel(std::string_view bytes) {
  return crc32_in_parallel(std::vector<std::string_view>{bytes}).front();
}

}  // namespace fabric
