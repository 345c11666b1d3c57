// Crashes while it is loaded.

#include <sys/resource.h>

namespace {

[[gnu::noinline]] int crash_in_an_initialiser() {
  constexpr rlimit kNone{0, 0};
  ::setrlimit(RLIMIT_CORE, &kNone);  // this crash is wanted
  volatile int* volatile nowhere = nullptr;
  return *nowhere;
}

[[maybe_unused]] const int unreachable = crash_in_an_initialiser();

}  // namespace
