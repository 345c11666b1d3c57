#include "exit_watch.h"

#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

namespace {

std::atomic<FabricExitHook> g_hook{nullptr};

void tell(const char* function, int code, const void* caller) {
  const FabricExitHook hook = g_hook.load();
  if (hook != nullptr) hook(function, code, caller);
}

[[noreturn]] void end(int code) {
  while (true) ::syscall(SYS_exit_group, code);
}

}  // namespace

void fabric_set_exit_hook(FabricExitHook hook) { g_hook = hook; }

// These come before libc's in every library's search order, because the executable exports them: what the program calls.

extern "C" __attribute__((visibility("default"), noinline)) void exit(int code) noexcept {
  tell("exit", code, __builtin_return_address(0));
  const auto next = reinterpret_cast<void (*)(int)>(::dlsym(RTLD_NEXT, "exit"));
  next(code);
  end(code);  // not reached; the compiler cannot know
}

extern "C" __attribute__((visibility("default"), noinline)) void _exit(int code) {
  tell("_exit", code, __builtin_return_address(0));
  end(code);
}

extern "C" __attribute__((visibility("default"), noinline)) void _Exit(int code) noexcept {
  tell("_Exit", code, __builtin_return_address(0));
  end(code);
}
