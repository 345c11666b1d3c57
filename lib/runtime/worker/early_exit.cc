#include "runtime/worker/early_exit.h"

#include <dlfcn.h>

#include "runtime/worker/crash_file.h"

namespace fabric {
namespace {

using ExitHook = void (*)(const char* function, int code, const void* caller);

// May be called in a signal handler, and in a child that shares this process's memory.
void on_exit_called(const char* function, int code, const void* caller) {
  if (begin_crash_record(crash_time_ns()) != CrashRecord::kBegun) return;
  CrashLine line;
  (line << "exit ").decimal(code) << " by " << function;
  line.write();
  write_crash_frames(caller, true);
  end_crash_record();  // destructors that exit() runs may crash
}

// Only the executable's functions come before libc's in every library's search order.
void set_hook(ExitHook hook) {
  const auto set = reinterpret_cast<void (*)(ExitHook)>(::dlsym(RTLD_DEFAULT, "fabric_set_exit_hook"));
  if (set != nullptr) set(hook);
}

}  // namespace

void watch_for_early_exit() { set_hook(on_exit_called); }

void allow_exit() { set_hook(nullptr); }

}  // namespace fabric
