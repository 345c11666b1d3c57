#include <fcntl.h>
#include <immintrin.h>
#include <sys/mman.h>
#include <unistd.h>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
__attribute__((target("pclmul,sse4.1"))) static uint64_t work(const char* p, size_t n) {
  __m128i a = _mm_setzero_si128(), b = a, c = a, d = a, k = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  auto f = [&](__m128i x, const char* q) {
    return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(x, k, 0), _mm_clmulepi64_si128(x, k, 0x11)),
                         _mm_loadu_si128((const __m128i*)q));
  };
  for (size_t i = 0; i + 64 <= n; i += 64) {
    a = f(a, p + i);
    b = f(b, p + i + 16);
    c = f(c, p + i + 32);
    d = f(d, p + i + 48);
  }
  a = _mm_xor_si128(_mm_xor_si128(a, b), _mm_xor_si128(c, d));
  return _mm_extract_epi64(a, 0);
}
int main(int ac, char** av) {
  int mode = atoi(av[1]);
  size_t B = (size_t)atoi(av[2]) << 10;
  int fd = open("f", O_RDONLY);
  size_t n = 1000u << 20;
  for (int r = 0; r < 5; r++) {
    auto t = std::chrono::steady_clock::now();
    char* p = (char*)mmap(0, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
    std::atomic<size_t> next{0};
    std::atomic<uint64_t> s{0};
    auto w = [&] {
      char* buf = mode == 2 ? (char*)aligned_alloc(4096, B) : 0;
      for (;;) {
        size_t i = next++;
        if (i * B >= n) break;
        size_t m = std::min(B, n - i * B);
        if (mode == 1) madvise(p + i * B, m, MADV_POPULATE_READ);
        const char* q = p + i * B;
        if (mode == 2) {
          pread(fd, buf, m, i * B);
          q = buf;
        }
        s += work(q, m);
      }
      free(buf);
    };
    std::thread a(w);
    w();
    a.join();
    double x = std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
    auto t2 = std::chrono::steady_clock::now();
    munmap(p, n);
    printf("mode %d B %zuK: %.3f (unmap %.3f)\n", mode, B >> 10, x,
           std::chrono::duration<double>(std::chrono::steady_clock::now() - t2).count());
  }
}
