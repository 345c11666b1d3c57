#include "throw_trace.h"

#include <dlfcn.h>
#include <execinfo.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <typeinfo>

namespace {

constexpr int kMaxFrames = 48;
constexpr uint64_t kSlots = 32;

// One throw. Atomics, because a thread may throw while another reports; a torn slot costs wrong lines in a report, no more.
struct Slot {
  std::atomic<const void*> object{nullptr};
  std::atomic<long> time_ns{0};
  std::atomic<int> count{0};
  std::array<std::atomic<void*>, kMaxFrames> frames{};
};

// Of all threads in one place: an exception that LibTorch's engine carries to the thread that called it was thrown elsewhere.
std::array<Slot, kSlots> g_slots;
std::atomic<uint64_t> g_throws{0};

long now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

void remember(const void* object) {
  const long time_ns = now_ns();  // first: unwinding takes its time
  std::array<void*, kMaxFrames + 2> frames{};
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  constexpr int kOwn = 2;  // remember() and __cxa_throw()
  Slot& slot = g_slots[g_throws.fetch_add(1, std::memory_order_relaxed) % kSlots];
  slot.object.store(nullptr, std::memory_order_relaxed);
  int kept = 0;
  for (int i = kOwn; i < count; ++i) {
    slot.frames[static_cast<size_t>(kept++)].store(frames[static_cast<size_t>(i)], std::memory_order_relaxed);
  }
  slot.count.store(kept, std::memory_order_relaxed);
  slot.time_ns.store(time_ns, std::memory_order_relaxed);
  slot.object.store(object, std::memory_order_release);
}

const Slot* slot_of(const void* object) {
  const uint64_t throws = g_throws.load();
  // The latest throw first: memory of an earlier exception may have been used again.
  for (uint64_t back = 1; back <= kSlots && back <= throws; ++back) {
    const Slot& slot = g_slots[(throws - back) % kSlots];
    if (slot.object.load(std::memory_order_acquire) == object) return &slot;
  }
  return nullptr;
}

using Throw = void (*)(void*, std::type_info*, void (*)(void*));

Throw next_throw() {
  static const auto next = reinterpret_cast<Throw>(::dlsym(RTLD_NEXT, "__cxa_throw"));
  return next;
}

}  // namespace

int fabric_throw_frames(const void* object, void** frames, int capacity) {
  const Slot* const slot = slot_of(object);
  if (slot == nullptr) return 0;
  int count = 0;
  for (; count < slot->count.load() && count < capacity; ++count)
    frames[count] = slot->frames[static_cast<size_t>(count)];
  return count;
}

long fabric_throw_time_ns(const void* object) {
  const Slot* const slot = slot_of(object);
  return slot != nullptr ? slot->time_ns.load() : 0;
}

/// Comes before libstdc++'s in every library's search order, because the executable exports it: throws of LibTorch and of the
/// user's program pass through here. Costs some microseconds a throw.
extern "C" __attribute__((visibility("default"), noreturn, noinline)) void __cxa_throw(void* object,
                                                                                       std::type_info* type,
                                                                                       void (*destroy)(void*)) {
  remember(object);
  next_throw()(object, type, destroy);
  std::abort();  // not reached; the compiler cannot know
}
