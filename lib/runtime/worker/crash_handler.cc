#include "runtime/worker/crash_handler.h"

#include <execinfo.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>

#include "runtime/worker/code_place.h"

namespace fabric {
namespace {

constexpr size_t kHandlerStackBytes = 256 * 1024;
constexpr int kMaxFrames = 64;
constexpr time_t kHandlerSeconds = 5;

// A signal handler takes no context, so what it needs is global; written once, before the handlers are installed.
int g_crash_fd = -1;
std::atomic<bool> g_crashed{false};

/// A line of text in a fixed buffer; async-signal-safe. What does not fit is cut off.
class Line {
 public:
  Line& operator<<(const char* text) {
    while (*text != '\0' && length_ < text_.size() - 1) text_[length_++] = *text++;
    return *this;
  }
  Line& decimal(uint64_t value) { return number(value, 10); }
  Line& hexadecimal(uint64_t value) { return (*this << "0x").number(value, 16); }
  void write_to(int fd) {
    text_[length_++] = '\n';
    for (size_t done = 0; done < length_;) {
      const ssize_t written = ::write(fd, text_.data() + done, length_ - done);
      if (written <= 0) return;  // there is nobody else to tell
      done += static_cast<size_t>(written);
    }
  }

 private:
  Line& number(uint64_t value, uint64_t base) {
    std::array<char, 24> digits{};
    size_t at = digits.size() - 1;
    do {
      digits[--at] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    return *this << &digits[at];
  }

  std::array<char, 4096> text_;
  size_t length_ = 0;
};

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

void write_frame(const void* frame, bool is_return_address) {
  struct Context {
    const void* frame;
    Line line;
  } context{frame, {}};
  with_code_place(
      frame, is_return_address,
      [](const CodePlace& place, void* opaque) {
        auto* c = static_cast<Context*>(opaque);
        c->line << place.module << "(" << (place.symbol != nullptr ? place.symbol : "") << "+";
        c->line.hexadecimal(place.offset) << ") [";
        c->line.hexadecimal(reinterpret_cast<uintptr_t>(c->frame)) << "]";
      },
      &context);
  context.line.write_to(g_crash_fd);
}

void write_repeats(int count) {
  Line line;
  (line << "... ").decimal(static_cast<uint64_t>(count)) << " more of the same";
  line.write_to(g_crash_fd);
}

void write_frames(const void* pc) {
  std::array<void*, kMaxFrames> frames{};
  const int count = ::backtrace(frames.data(), kMaxFrames);
  int first = 0;  // the frames of the handler itself come before the one that was interrupted
  for (int i = 0; i < count; ++i) {
    if (frames[static_cast<size_t>(i)] == pc) first = i;
  }
  for (int i = first; i < count;) {
    const void* const frame = frames[static_cast<size_t>(i)];
    write_frame(frame, i != first);
    int next = i + 1;  // a stack overflow repeats itself
    while (next < count && frames[static_cast<size_t>(next)] == frame) ++next;
    if (next - i > 1) write_repeats(next - i - 1);
    i = next;
  }
}

extern "C" void on_crash(int number, siginfo_t* info, void* context) {
  if (!g_crashed.exchange(true)) {
    set_deadline(number);
    Line line;
    (line << "signal ").decimal(static_cast<uint64_t>(number)) << " (" << describe_signal(number) << ")";
    if (info->si_code > 0 && number != SIGABRT) {
      (line << " at address ").hexadecimal(reinterpret_cast<uintptr_t>(info->si_addr));
    }
    line.write_to(g_crash_fd);
    write_frames(program_counter(context));
  } else {
    const timespec rest{kHandlerSeconds, 0};
    ::nanosleep(&rest, nullptr);  // another thread is writing; its signal ends this one too
  }
  // SA_RESETHAND has restored the default action, SA_NODEFER left the signal open: this ends the process.
  ::raise(number);
}

}  // namespace

void install_crash_handler(int fd) {
  g_crash_fd = fd;
  void* const memory =
      ::mmap(nullptr, kHandlerStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory != MAP_FAILED) {
    const stack_t stack{memory, 0, kHandlerStackBytes};
    ::sigaltstack(&stack, nullptr);
  }
  // The first backtrace() loads libgcc_s, which allocates: have it done before a handler needs it.
  std::array<void*, 4> frames{};
  ::backtrace(frames.data(), static_cast<int>(frames.size()));
  struct sigaction action {};
  action.sa_sigaction = on_crash;
  action.sa_flags = static_cast<int>(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER);
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::sigaction(number, &action, nullptr);
}

}  // namespace fabric
