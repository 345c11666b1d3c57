#include "runtime/worker/crash_file.h"

#include <execinfo.h>
#include <unistd.h>

#include <atomic>
#include <ctime>

#include "runtime/worker/code_place.h"

namespace fabric {
namespace {

constexpr int kMaxFrames = 64;

// A signal handler takes no context, so what it needs is global; written once, before there is a handler.
int g_fd = -1;
pid_t g_owner = -1;
std::atomic<bool> g_is_writing{false};

void write_frame(const void* frame, bool is_return_address) {
  struct Context {
    const void* frame;
    CrashLine line;
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
  context.line.write();
}

}  // namespace

void open_crash_file(int fd) {
  g_fd = fd;
  g_owner = ::getpid();
  // The first backtrace() loads libgcc_s, which allocates: have it done before a handler needs it.
  std::array<void*, 4> frames{};
  ::backtrace(frames.data(), static_cast<int>(frames.size()));
}

int64_t crash_time_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

CrashRecord begin_crash_record(int64_t time_ns) {
  if (g_owner != ::getpid()) return CrashRecord::kNone;
  if (g_is_writing.exchange(true)) return CrashRecord::kBusy;
  CrashLine line;
  (line << "time ").decimal(time_ns);
  line.write();
  return CrashRecord::kBegun;
}

void end_crash_record() { g_is_writing = false; }

CrashLine& CrashLine::operator<<(const char* text) {
  while (*text != '\0' && length_ < text_.size() - 1) text_[length_++] = *text++;
  return *this;
}

CrashLine& CrashLine::decimal(int64_t value) {
  if (value < 0) *this << "-";
  return number(value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value), 10);
}

CrashLine& CrashLine::hexadecimal(uint64_t value) { return (*this << "0x").number(value, 16); }

void CrashLine::write() {
  text_[length_++] = '\n';
  for (size_t done = 0; done < length_;) {
    const ssize_t written = ::write(g_fd, text_.data() + done, length_ - done);
    if (written <= 0) return;  // there is nobody else to tell
    done += static_cast<size_t>(written);
  }
}

CrashLine& CrashLine::number(uint64_t value, uint64_t base) {
  std::array<char, 24> digits{};
  size_t at = digits.size() - 1;
  do {
    digits[--at] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0);
  return *this << &digits[at];
}

void write_crash_frames(const void* pc, bool is_return_address) {
  std::array<void*, kMaxFrames> frames{};
  const int count = ::backtrace(frames.data(), kMaxFrames);
  int first = 0;  // the frames of our own come before the one that matters
  for (int i = 0; i < count; ++i) {
    if (frames[static_cast<size_t>(i)] == pc) first = i;
  }
  for (int i = first; i < count;) {
    const void* const frame = frames[static_cast<size_t>(i)];
    write_frame(frame, i != first || is_return_address);
    int next = i + 1;  // a stack overflow repeats itself
    while (next < count && frames[static_cast<size_t>(next)] == frame) ++next;
    if (next - i > 1) {
      CrashLine line;
      (line << "... ").decimal(next - i - 1) << " more of the same";
      line.write();
    }
    i = next;
  }
}

}  // namespace fabric
