#include "runtime/worker/crash_handler.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>

#include "core/unique_fd.h"
#include "runtime/worker/crash_file.h"

namespace fabric {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

[[gnu::noinline]] void write_to_protected_page() {
  void* const page = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *static_cast<volatile int*>(page) = 1;
}

[[gnu::noinline]] int overflow_the_stack(int depth) {
  volatile char page[4096];
  page[0] = static_cast<char>(depth);
  return depth < 0 ? 0 : overflow_the_stack(depth + 1) + page[0];
}

[[gnu::noinline]] void abort_on_purpose() { std::abort(); }

struct Crash {
  int status = 0;
  std::string time;   ///< the first line
  std::string trace;  ///< what follows
  bool by_signal(int number) const { return WIFSIGNALED(status) && WTERMSIG(status) == number; }
};

/// Runs `body` in a forked process whose crashes go to `fd`, and returns how it ended.
template <class Body>
int status_of(int fd, Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    constexpr rlimit kNoCore{0, 0};
    ::setrlimit(RLIMIT_CORE, &kNoCore);
    open_crash_file(fd);
    install_crash_handler();
    body();
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return status;
}

template <class Body>
Crash crash_of(Body body) {
  const UniqueFd file(::memfd_create("crash", MFD_CLOEXEC));
  Crash crash{status_of(file.get(), body), "", std::string(1 << 16, '\0')};
  const ssize_t length = ::pread(file.get(), crash.trace.data(), crash.trace.size(), 0);
  crash.trace.resize(static_cast<size_t>(length));
  const size_t first_end = crash.trace.find('\n') + 1;  // 0 if there is none
  crash.time = crash.trace.substr(0, first_end);
  crash.trace.erase(0, first_end);
  return crash;
}

TEST(CrashHandlerTest, NamesSignalAddressAndFunctionAndLetsTheSignalEndTheProcess) {
  const Crash crash = crash_of(write_to_protected_page);

  EXPECT_TRUE(crash.by_signal(SIGSEGV)) << crash.status;
  EXPECT_THAT(crash.trace, StartsWith("signal 11 (segmentation fault) at address 0x"));
  const std::string innermost = crash.trace.substr(crash.trace.find('\n') + 1);
  EXPECT_THAT(innermost.substr(0, innermost.find('\n')), HasSubstr("write_to_protected_page")) << crash.trace;
}

int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

TEST(CrashHandlerTest, SaysFirstWhenItHappened) {
  const int64_t before = now_ns();

  const Crash crash = crash_of(write_to_protected_page);

  ASSERT_THAT(crash.time, StartsWith("time "));
  EXPECT_GE(std::stoll(crash.time.substr(5)), before);
  EXPECT_LE(std::stoll(crash.time.substr(5)), now_ns());
}

TEST(CrashHandlerTest, AForkedChildThatCrashesLeavesNothing) {
  const Crash crash = crash_of([] {
    const pid_t pid = ::fork();
    if (pid == 0) write_to_protected_page();
    int status = 0;
    ::waitpid(pid, &status, 0);
    ::_exit(WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  });

  EXPECT_EQ(WEXITSTATUS(crash.status), SIGSEGV);
  EXPECT_EQ(crash.time + crash.trace, "");
}

TEST(CrashHandlerTest, NamesWhoAborted) {
  const Crash crash = crash_of(abort_on_purpose);

  EXPECT_TRUE(crash.by_signal(SIGABRT)) << crash.status;
  EXPECT_THAT(crash.trace, AllOf(StartsWith("signal 6 (aborted)\n"), HasSubstr("abort_on_purpose")));
}

TEST(CrashHandlerTest, TellsAStackOverflowFromAStackOfItsOwn) {
  const Crash crash = crash_of([] { ::_exit(overflow_the_stack(0)); });

  EXPECT_TRUE(crash.by_signal(SIGSEGV)) << crash.status;
  EXPECT_THAT(crash.trace, AllOf(HasSubstr("overflow_the_stack"), HasSubstr("more of the same")));
}

TEST(CrashHandlerTest, TellsACrashOfAnotherThread) {
  const Crash crash = crash_of([] { std::thread(write_to_protected_page).join(); });

  EXPECT_TRUE(crash.by_signal(SIGSEGV)) << crash.status;
  EXPECT_THAT(crash.trace, HasSubstr("write_to_protected_page"));
}

TEST(CrashHandlerTest, TwoThreadsThatCrashAreOneReport) {
  const Crash crash = crash_of([] {
    std::thread other(write_to_protected_page);
    write_to_protected_page();
    other.join();
  });

  EXPECT_TRUE(crash.by_signal(SIGSEGV)) << crash.status;
  EXPECT_EQ(crash.trace.find("signal", 1), std::string::npos) << crash.trace;
}

TEST(CrashHandlerTest, AHandlerThatGetsStuckIsEndedByTheSameSignal) {
  int ends[2] = {};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd unread(ends[0]), full(ends[1]);
  while (::write(full.get(), std::string(4096, 'x').data(), 4096) > 0 &&
         ::fcntl(full.get(), F_SETFL, O_NONBLOCK) == 0) {
  }
  ::fcntl(full.get(), F_SETFL, 0);  // a write to it waits for ever
  const auto begin = std::chrono::steady_clock::now();

  const int status = status_of(full.get(), write_to_protected_page);

  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) << status;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
}

TEST(CrashHandlerTest, WritesNothingWhereNothingCrashes) {
  const Crash crash = crash_of([] {});

  EXPECT_EQ(crash.status, 0);
  EXPECT_EQ(crash.time + crash.trace, "");
}

}  // namespace
}  // namespace fabric
