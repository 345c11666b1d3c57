#include "core/status.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace fabric {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return invalid_argument(concat("value must be even, but is ", value));
  return value / 2;
}

Result<int> quarter(int value) {
  FABRIC_ASSIGN_OR_RETURN(const int once, half(value));
  return half(once);
}

Status check_quarter(int value) {
  FABRIC_RETURN_IF_ERROR(quarter(value).status());
  return ok_status();
}

TEST(StatusTest, PrintsItsCodeByGrpcName) {
  EXPECT_EQ(ok_status().to_string(), "OK");
  EXPECT_EQ(unavailable("no agent answered").to_string(), "UNAVAILABLE: no agent answered");
  EXPECT_EQ(name_of(StatusCode::kUnauthenticated), "UNAUTHENTICATED");
  EXPECT_EQ(name_of(static_cast<StatusCode>(99)), "UNKNOWN");
}

TEST(StatusTest, ContextStandsBeforeTheMessageAndLeavesOkAlone) {
  EXPECT_EQ(not_found("no such key").with_context("store"), not_found("store: no such key"));
  EXPECT_TRUE(ok_status().with_context("store").ok());
}

TEST(StatusTest, ErrnoBecomesACodeAndASentence) {
  const Status status = errno_status(ENOENT, "open 'job.yaml'");

  EXPECT_EQ(status, not_found("cannot open 'job.yaml': No such file or directory"));
  EXPECT_EQ(errno_status(ENOSPC, "write").code(), StatusCode::kResourceExhausted);
}

TEST(ResultTest, CarriesTheFirstErrorThroughAChainOfCalls) {
  EXPECT_EQ(*quarter(12), 3);
  EXPECT_EQ(quarter(6).status(), invalid_argument("value must be even, but is 3"));
  EXPECT_EQ(check_quarter(7), invalid_argument("value must be even, but is 7"));
  EXPECT_TRUE(check_quarter(8).ok());
}

TEST(ResultTest, MovesValuesThatCannotBeCopied) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(5); };
  const auto take = [&]() -> Result<int> {
    FABRIC_ASSIGN_OR_RETURN(const std::unique_ptr<int> owned, make());
    return *owned;
  };

  EXPECT_EQ(*take(), 5);
}

}  // namespace
}  // namespace fabric
