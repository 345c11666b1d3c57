#include "runtime/worker/crash_handler.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <ctime>

#include "runtime/worker/crash_file.h"

namespace fabric {
namespace {

constexpr size_t kHandlerStackBytes = 256 * 1024;
constexpr time_t kHandlerSeconds = 5;

const char* describe_signal(int number) {
  switch (number) {
    case SIGSEGV:
      return "segmentation fault";
    case SIGBUS:
      return "bus error";
    case SIGFPE:
      return "arithmetic fault";
    case SIGILL:
      return "illegal instruction";
    case SIGABRT:
      return "aborted";
    default:
      return "signal";
  }
}

const void* program_counter(const void* context) {
  const auto* machine = &static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<const void*>(machine->gregs[REG_RIP]);
#else
  return reinterpret_cast<const void*>(machine->pc);
#endif
}

/// Has the kernel send `number`, whose action is the default one by now, when the handler takes too long: a lock that another
/// thread holds, or a heap that is broken, must not make the rank hang. Not timer_create(), which may allocate.
void set_deadline(int number) {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = number;
  int timer = 0;
  if (::syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) != 0) return;
  itimerspec when{};
  when.it_value.tv_sec = kHandlerSeconds;
  ::syscall(SYS_timer_settime, timer, 0, &when, nullptr);
}

void write_record(int number, const siginfo_t& info, const void* context) {
  CrashLine line;
  (line << "signal ").decimal(number) << " (" << describe_signal(number) << ")";
  if (info.si_code > 0 && number != SIGABRT) {
    (line << " at address ").hexadecimal(reinterpret_cast<uintptr_t>(info.si_addr));
  }
  line.write();
  write_crash_frames(program_counter(context), false);
}

extern "C" void on_crash(int number, siginfo_t* info, void* context) {
  const int64_t time_ns = crash_time_ns();
  set_deadline(number);  // before the first write
  switch (begin_crash_record(time_ns)) {
    case CrashRecord::kBegun:
      write_record(number, *info, context);  // and never ended: what crashes now in another thread is a consequence
      break;
    case CrashRecord::kBusy: {
      const timespec rest{kHandlerSeconds, 0};
      ::nanosleep(&rest, nullptr);  // the signal of the thread that writes ends this one too
      break;
    }
    case CrashRecord::kNone:
      break;
  }
  // SA_RESETHAND has restored the default action, SA_NODEFER left the signal open: this ends the process.
  ::raise(number);
}

}  // namespace

void install_crash_handler() {
  void* const memory =
      ::mmap(nullptr, kHandlerStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory != MAP_FAILED) {
    const stack_t stack{memory, 0, kHandlerStackBytes};
    ::sigaltstack(&stack, nullptr);
  }
  struct sigaction action {};
  action.sa_sigaction = on_crash;
  action.sa_flags = static_cast<int>(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER);
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::sigaction(number, &action, nullptr);
}

}  // namespace fabric
