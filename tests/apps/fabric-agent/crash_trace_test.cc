#include "crash_trace.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/unique_fd.h"

namespace fabric::agent {
namespace {

TEST(CrashTraceTest, WritesFramesForPeople) {
  EXPECT_EQ(readable_frame("./m.so(_ZNSt6vectorIiSaIiEE9push_backEOi+0x20) [0x7f]"),
            "std::vector<int, std::allocator<int> >::push_back(int&&)+0x20 in ./m.so");
  EXPECT_EQ(readable_frame("/bin/p(main+0x1) [0x7f]"), "main+0x1 in /bin/p");
  EXPECT_EQ(readable_frame("/bin/p(+0x1) [0x7f]"), "+0x1 in /bin/p");
}

TEST(CrashTraceTest, KeepsWhatIsInAnotherForm) {
  EXPECT_EQ(readable_frame("[0x7f]"), "[0x7f]");
  EXPECT_EQ(readable_frame("p() [0x7f]"), "p() [0x7f]");
  EXPECT_EQ(readable_frame("p(cut"), "p(cut");
  EXPECT_EQ(readable_frame(""), "");
}

TEST(CrashTraceTest, ReadsFromTheBeginningOfTheFile) {
  const UniqueFd file(::memfd_create("crash", MFD_CLOEXEC));
  EXPECT_EQ(read_crash_trace(file.get()).backtrace, "");
  EXPECT_EQ(read_crash_trace(file.get()).time_ns, 0);
  const std::string_view raw = "/bin/p(main+0x1) [0x7f]\n/bin/p(+0x2) [0x7f]\n";
  ASSERT_EQ(::write(file.get(), raw.data(), raw.size()), static_cast<ssize_t>(raw.size()));

  EXPECT_EQ(read_crash_trace(file.get()).backtrace, "main+0x1 in /bin/p\n+0x2 in /bin/p");
}

CrashTrace trace_of(std::string_view raw) {
  const UniqueFd file(::memfd_create("crash", MFD_CLOEXEC));
  EXPECT_EQ(::write(file.get(), raw.data(), raw.size()), static_cast<ssize_t>(raw.size()));
  return read_crash_trace(file.get());
}

TEST(CrashTraceTest, ParsesTimeAndSignalAndKeepsTheTimeOutOfTheStack) {
  const CrashTrace trace =
      trace_of("time 123456789\nsignal 11 (segmentation fault) at address 0x0\n/p(_Z1fv+0x1) [0x7f]\n");

  EXPECT_EQ(trace.time_ns, 123456789);
  EXPECT_EQ(trace.signal, 11);
  EXPECT_FALSE(trace.exit_code.has_value());
  EXPECT_EQ(trace.backtrace, "signal 11 (segmentation fault) at address 0x0\nf()+0x1 in /p");
}

TEST(CrashTraceTest, KnowsTheTimeOfARankThatDiedWhileItDescribedItsCrash) {
  EXPECT_EQ(trace_of("time 42\n").time_ns, 42);
  EXPECT_EQ(trace_of("time 42\nsignal 6 (abo").signal, 6);
}

TEST(CrashTraceTest, ParsesAnEarlyExitWithAllOfItsCode) {
  const CrashTrace trace = trace_of("time 7\nexit -300 by _exit\n/p(_Z1fv+0x1) [0x7f]\n");

  EXPECT_EQ(trace.exit_code, -300);
  EXPECT_EQ(trace.exit_function, "_exit");
  EXPECT_EQ(trace.signal, 0);
  EXPECT_EQ(trace.backtrace, "f()+0x1 in /p");
}

TEST(CrashTraceTest, OfACrashDuringAnExitTheFirstTimeCounts) {
  const CrashTrace trace = trace_of("time 7\nexit 3 by exit\ntime 9\nsignal 11 (segmentation fault)\n");

  EXPECT_EQ(trace.time_ns, 7);
  EXPECT_EQ(trace.exit_code, 3);
  EXPECT_EQ(trace.signal, 11);
}

TEST(CrashTraceTest, KeepsLinesThatOnlyBeginAsItsOwn) {
  EXPECT_EQ(trace_of("time flies\nexit strategy\n").backtrace, "time flies\nexit strategy");
}

}  // namespace
}  // namespace fabric::agent
