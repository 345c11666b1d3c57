// Calls what nobody defines, what libc does, and what may be missing.

#include <cstdio>

extern "C" {
void nobody_defines_this(int);
__attribute__((weak)) void nobody_needs_this(int);
__attribute__((visibility("default"))) void call_all(int value) {
  std::printf("%d\n", value);
  nobody_defines_this(value);
  if (nobody_needs_this != nullptr) nobody_needs_this(value);
}
}
