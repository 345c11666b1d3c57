#include "runtime/worker/exception_report.h"

#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <new>
#include <stdexcept>
#include <string>

#include "fabric/error.h"
#include "support/eventually.h"
#include "support/test_agent.h"

namespace fabric {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

struct Reason {};

template <class Thrown>
frames::WorkerFailure describe(const Thrown& thrown) {
  return describe_exception(std::make_exception_ptr(thrown));
}

/// Describes what `body` throws.
template <class Body>
frames::WorkerFailure describe_thrown_by(Body body) {
  try {
    body();
  } catch (...) {
    return describe_exception(std::current_exception());
  }
  return {"nothing", "", "", 0};
}

TEST(ExceptionReportTest, NamesClassAndMessage) {
  const frames::WorkerFailure failure = describe(UsageError("epochs must be positive, but is -1"));

  EXPECT_EQ(failure.exception_type, "fabric::UsageError");
  EXPECT_EQ(failure.message, "epochs must be positive, but is -1");
}

TEST(ExceptionReportTest, TellsWhatAnExceptionWasCausedByUnderTheClassThatWasThrown) {
  const frames::WorkerFailure failure = describe_thrown_by([] {
    try {
      throw std::out_of_range("no sample 7");
    } catch (...) {
      std::throw_with_nested(SystemError("cannot read the data set"));
    }
  });

  EXPECT_EQ(failure.exception_type, "fabric::SystemError");
  EXPECT_EQ(failure.message, "cannot read the data set: no sample 7");
}

TEST(ExceptionReportTest, TellsACauseOnceThatTheMessageHasAlready) {
  const frames::WorkerFailure failure = describe_thrown_by([] {
    try {
      throw std::runtime_error("connection closed");
    } catch (const std::exception& error) {
      std::throw_with_nested(PeerError(std::string("the barrier failed: ") + error.what()));
    }
  });

  EXPECT_EQ(failure.message, "the barrier failed: connection closed");
}

TEST(ExceptionReportTest, KeepsLibTorchsStackOutOfTheMessage) {
  std::exception_ptr error;
  try {
    TORCH_CHECK(false, "shapes differ");
  } catch (...) {
    error = std::current_exception();
  }

  const frames::WorkerFailure failure = describe_exception(error);
  const std::string backtrace = backtrace_of(error);

  EXPECT_EQ(failure.exception_type, "c10::Error");
  EXPECT_EQ(failure.message, "shapes differ");
  EXPECT_EQ(failure.backtrace, "") << "it takes too long to be told at once";
  EXPECT_THAT(backtrace, Not(HasSubstr("shapes differ")));
  EXPECT_FALSE(backtrace.empty());
}

TEST(ExceptionReportTest, TellsWhatElseCanBeThrown) {
  EXPECT_EQ(describe(42).exception_type, "int");
  EXPECT_EQ(describe(42).message, "42");
  EXPECT_EQ(describe(std::string("text")).message, "text");
  EXPECT_EQ(describe<const char*>("text").message, "text");
  EXPECT_THAT(describe(Reason{}).exception_type, HasSubstr("Reason"));
  EXPECT_THAT(describe(Reason{}).message, HasSubstr("not derived from std::exception"));
}

TEST(ExceptionReportTest, SaysWhatLimitOfMemoryThereIs) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &limit), 0);
  const rlimit changed{rlim_t{1} << 44, limit.rlim_max};  // 16 TiB: enough for this process

  ASSERT_EQ(::setrlimit(RLIMIT_AS, &changed), 0);
  const std::string message = describe(std::bad_alloc()).message;
  ::setrlimit(RLIMIT_AS, &limit);

  EXPECT_EQ(message,
            "std::bad_alloc; this rank may have 16777216 MiB of address space (RLIMIT_AS): raise that limit, or use "
            "less in each rank");
}

TEST(ExceptionReportTest, TellsTheAgentTheFirstFailureOnlyAndItsBacktraceAfterwards) {
  testing::TestAgent agent;
  const auto link = agent.link();
  std::exception_ptr first;
  try {
    TORCH_CHECK(false, "the first");
  } catch (...) {
    first = std::current_exception();
  }

  ::testing::internal::CaptureStderr();
  tell_exception(*link, first);
  tell_exception(*link, std::make_exception_ptr(std::runtime_error("the second")));
  tell_failure(*link, "the third");
  const std::string said = ::testing::internal::GetCapturedStderr();

  EXPECT_EQ(said, "fabric-worker: uncaught c10::Error: the first\n");
  link->report_ready();  // comes behind whatever was told
  ASSERT_TRUE(testing::eventually(10s, [&] { return agent.heard<frames::WorkerReady>().size() == 1; }));
  const auto failures = agent.heard<frames::WorkerFailure>();
  ASSERT_EQ(failures.size(), 2u);
  EXPECT_EQ(failures[0].message, "the first");
  EXPECT_EQ(failures[0].backtrace, "");
  EXPECT_EQ(failures[1].time_ns, failures[0].time_ns);
  EXPECT_FALSE(failures[1].backtrace.empty());
}

TEST(ExceptionReportTest, TellsOfAFailureThatIsNoException) {
  testing::TestAgent agent;
  const auto link = agent.link();

  ::testing::internal::CaptureStderr();
  tell_failure(*link, "the program cannot be loaded");

  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "fabric-worker: the program cannot be loaded\n");
  ASSERT_TRUE(testing::eventually(10s, [&] { return agent.heard<frames::WorkerFailure>().size() == 1; }));
  EXPECT_GT(agent.heard<frames::WorkerFailure>()[0].time_ns, 0);
}

}  // namespace
}  // namespace fabric
