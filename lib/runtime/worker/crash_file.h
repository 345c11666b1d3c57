#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace fabric {

// The file, a memfd of the supervisor, in which this process leaves how it ends where it can say no more: records of a line
// "time NANOSECONDS" (CLOCK_BOOTTIME), a line that says what happened, and one line per frame, innermost first. All
// functions but the first are async-signal-safe.

/// Makes `fd`, borrowed for the life of the process, the file of this process; a child that it forks has none.
void open_crash_file(int fd);

/// How begin_crash_record() went.
enum class CrashRecord : uint8_t {
  kBegun,
  kBusy,  ///< another thread is writing one
  kNone,  ///< this process has no such file
};

/// Returns the time for a record. To be called first of all: what comes before it makes a rank's failure look later than it was.
int64_t crash_time_ns();
/// Begins a record of what began at `time_ns`.
CrashRecord begin_crash_record(int64_t time_ns);
/// Lets another record begin.
void end_crash_record();

/// A line of text in a fixed buffer. What does not fit is cut off.
class CrashLine {
 public:
  CrashLine& operator<<(const char* text);
  CrashLine& decimal(int64_t value);
  CrashLine& hexadecimal(uint64_t value);
  /// Adds the line's end and writes it to the file.
  void write();

 private:
  CrashLine& number(uint64_t value, uint64_t base);

  std::array<char, 4096> text_;
  size_t length_ = 0;
};

/// Writes the frames from the one that is at `pc` outwards, each as "module(mangled+0xoff) [0xaddress]"; frames that repeat
/// are written once and counted: "... N more of the same". `is_return_address`: `pc` lies behind a call.
void write_crash_frames(const void* pc, bool is_return_address);

}  // namespace fabric
