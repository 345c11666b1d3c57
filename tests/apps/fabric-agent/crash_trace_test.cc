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
  EXPECT_EQ(read_crash_trace(file.get()), "");
  const std::string_view raw = "/bin/p(main+0x1) [0x7f]\n/bin/p(+0x2) [0x7f]\n";
  ASSERT_EQ(::write(file.get(), raw.data(), raw.size()), static_cast<ssize_t>(raw.size()));

  EXPECT_EQ(read_crash_trace(file.get()), "main+0x1 in /bin/p\n+0x2 in /bin/p");
}

}  // namespace
}  // namespace fabric::agent
