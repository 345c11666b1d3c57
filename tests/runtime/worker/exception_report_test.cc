#include "runtime/worker/exception_report.h"

#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  return {"nothing", "", ""};
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
  const frames::WorkerFailure failure = describe_thrown_by([] { TORCH_CHECK(false, "shapes differ"); });

  EXPECT_EQ(failure.exception_type, "c10::Error");
  EXPECT_EQ(failure.message, "shapes differ");
  EXPECT_THAT(failure.backtrace, Not(HasSubstr("shapes differ")));
  EXPECT_FALSE(failure.backtrace.empty());
}

TEST(ExceptionReportTest, TellsWhatElseCanBeThrown) {
  EXPECT_EQ(describe(42).exception_type, "int");
  EXPECT_EQ(describe(42).message, "42");
  EXPECT_EQ(describe(std::string("text")).message, "text");
  EXPECT_EQ(describe<const char*>("text").message, "text");
  EXPECT_THAT(describe(Reason{}).exception_type, HasSubstr("Reason"));
  EXPECT_THAT(describe(Reason{}).message, HasSubstr("not derived from std::exception"));
}

TEST(ExceptionReportTest, TellsTheAgentTheFirstFailureOnly) {
  testing::TestAgent agent;
  const auto link = agent.link();

  ::testing::internal::CaptureStderr();
  tell_failure(*link, {"std::runtime_error", "the first", ""});
  tell_failure(*link, {"std::runtime_error", "the second", ""});
  const std::string said = ::testing::internal::GetCapturedStderr();

  EXPECT_EQ(said, "fabric-worker: uncaught std::runtime_error: the first\n");
  link->report_ready();  // comes behind whatever was told
  ASSERT_TRUE(testing::eventually(10s, [&] { return agent.heard<frames::WorkerReady>().size() == 1; }));
  const auto failures = agent.heard<frames::WorkerFailure>();
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].message, "the first");
}

}  // namespace
}  // namespace fabric
