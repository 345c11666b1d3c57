#include "rendezvous/store_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace fabric::rendezvous {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class StoreTableTest : public testing::Test {
 protected:
  std::optional<StoreResponse> call(StoreOp op, std::vector<std::string> keys, std::vector<std::string> values = {},
                                    int64_t number = 0, int64_t timeout_ms = 0) {
    return table_.apply({op, std::move(keys), std::move(values), number, timeout_ms}, now_, {++waiter_});
  }
  StoreResponse now(StoreOp op, std::vector<std::string> keys, std::vector<std::string> values = {},
                    int64_t number = 0) {
    const std::optional<StoreResponse> response = call(op, std::move(keys), std::move(values), number);
    EXPECT_TRUE(response.has_value());
    return response.value_or(StoreResponse{});
  }
  WaiterId park(StoreOp op, std::vector<std::string> keys, int64_t timeout_ms = 1'000) {
    EXPECT_FALSE(call(op, std::move(keys), {}, 1, timeout_ms).has_value());
    return {waiter_};
  }

  StoreTable table_{{.key_bytes = 64, .value_bytes = 100, .total_bytes = 1'000}};
  TimePoint now_{1h};
  uint64_t waiter_ = 0;
};

TEST_F(StoreTableTest, GetsWhatWasSet) {
  now(StoreOp::kSet, {"k"}, {std::string("v\0w", 3)});

  EXPECT_THAT(now(StoreOp::kGet, {"k"}).values, ElementsAre(std::string("v\0w", 3)));
  EXPECT_EQ(now(StoreOp::kNumKeys, {}).number, 1);
}

TEST_F(StoreTableTest, AddCountsFromNothingAsDecimalText) {
  EXPECT_EQ(now(StoreOp::kAdd, {"n"}, {}, 5).number, 5);
  EXPECT_EQ(now(StoreOp::kAdd, {"n"}, {}, -7).number, -2);

  EXPECT_THAT(now(StoreOp::kGet, {"n"}).values, ElementsAre("-2"));
}

TEST_F(StoreTableTest, AddRefusesWhatIsNoNumberOrLeaves64Bits) {
  now(StoreOp::kSet, {"k"}, {"12x"});
  now(StoreOp::kAdd, {"n"}, {}, std::numeric_limits<int64_t>::max());

  EXPECT_EQ(now(StoreOp::kAdd, {"k"}, {}, 1).code, StatusCode::kFailedPrecondition);
  EXPECT_EQ(now(StoreOp::kAdd, {"n"}, {}, 1).code, StatusCode::kOutOfRange);
}

TEST_F(StoreTableTest, CompareSetSetsOnlyWhatIsAsExpected) {
  EXPECT_THAT(now(StoreOp::kCompareSet, {"k"}, {"x", "1"}).values, ElementsAre("x"));
  EXPECT_EQ(now(StoreOp::kNumKeys, {}).number, 0);

  EXPECT_THAT(now(StoreOp::kCompareSet, {"k"}, {"", "1"}).values, ElementsAre("1"));
  EXPECT_THAT(now(StoreOp::kCompareSet, {"k"}, {"", "2"}).values, ElementsAre("1"));
  EXPECT_THAT(now(StoreOp::kCompareSet, {"k"}, {"1", "2"}).values, ElementsAre("2"));
}

TEST_F(StoreTableTest, DeleteSaysWhetherItWasThere) {
  now(StoreOp::kSet, {"k"}, {"v"});

  EXPECT_EQ(now(StoreOp::kDelete, {"k"}).number, 1);
  EXPECT_EQ(now(StoreOp::kDelete, {"k"}).number, 0);
  EXPECT_EQ(table_.total_bytes(), 0u);
}

TEST_F(StoreTableTest, AppendsAndSetsSeveral) {
  now(StoreOp::kMultiSet, {"a", "b"}, {"1", "2"});
  now(StoreOp::kAppend, {"a"}, {"0"});
  now(StoreOp::kAppend, {"c"}, {"3"});

  EXPECT_THAT(now(StoreOp::kMultiGet, {"c", "a", "b"}).values, ElementsAre("3", "10", "2"));
  EXPECT_EQ(now(StoreOp::kCheck, {"a", "b"}).number, 1);
  EXPECT_EQ(now(StoreOp::kCheck, {"a", "z"}).number, 0);
}

TEST_F(StoreTableTest, AParkedGetIsReleasedByTheSet) {
  const WaiterId waiter = park(StoreOp::kGet, {"k"});

  now(StoreOp::kSet, {"k"}, {"v"});

  const std::vector<Released> released = table_.take_released();
  ASSERT_THAT(released, SizeIs(1));
  EXPECT_EQ(released[0].waiter, waiter);
  EXPECT_THAT(released[0].response.values, ElementsAre("v"));
  EXPECT_EQ(table_.num_waiters(), 0u);
  EXPECT_EQ(table_.next_deadline(), std::nullopt);
}

TEST_F(StoreTableTest, AWaitForSeveralNeedsAllOfThemAtTheSameTime) {
  park(StoreOp::kWait, {"a", "b"});
  now(StoreOp::kAdd, {"a"}, {}, 1);
  now(StoreOp::kDelete, {"a"});
  now(StoreOp::kSet, {"b"}, {"2"});
  EXPECT_THAT(table_.take_released(), IsEmpty());

  now(StoreOp::kSet, {"a"}, {"1"});

  EXPECT_THAT(table_.take_released(), SizeIs(1));
}

TEST_F(StoreTableTest, OneSetReleasesAllWhoWaitForIt) {
  for (int i = 0; i < 100; ++i) park(StoreOp::kWait, {"go"});

  now(StoreOp::kCompareSet, {"go"}, {"", "1"});

  EXPECT_THAT(table_.take_released(), SizeIs(100));
}

TEST_F(StoreTableTest, TimeoutsNameTheKeysThatAreMissing) {
  const WaiterId waiter = park(StoreOp::kMultiGet, {"a", "b", "c"}, 50);
  park(StoreOp::kWait, {"z"}, 100);
  now(StoreOp::kSet, {"b"}, {"2"});
  EXPECT_EQ(table_.next_deadline(), now_ + 50ms);
  EXPECT_THAT(table_.expire(now_ + 49ms), IsEmpty());

  const std::vector<Released> expired = table_.expire(now_ + 50ms);

  ASSERT_THAT(expired, SizeIs(1));
  EXPECT_EQ(expired[0].waiter, waiter);
  EXPECT_EQ(expired[0].response.code, StatusCode::kDeadlineExceeded);
  EXPECT_EQ(expired[0].response.message, "waited 50 ms for keys 'a', 'c'");
}

TEST_F(StoreTableTest, WithoutATimeoutNothingIsParked) {
  EXPECT_EQ(now(StoreOp::kGet, {"k"}).code, StatusCode::kDeadlineExceeded);
  EXPECT_EQ(table_.num_waiters(), 0u);
}

TEST_F(StoreTableTest, AnAbsurdTimeoutIsNoOverflow) {
  EXPECT_FALSE(call(StoreOp::kGet, {"k"}, {}, 0, std::numeric_limits<int64_t>::max()).has_value());

  EXPECT_THAT(table_.expire(now_ + 24h), IsEmpty());
}

TEST_F(StoreTableTest, QueuesAreFirstInFirstOutForEntriesAndForWaiters) {
  now(StoreOp::kQueuePush, {"q"}, {"1"});
  now(StoreOp::kQueuePush, {"q"}, {"2"});
  EXPECT_EQ(now(StoreOp::kQueueLength, {"q"}).number, 2);
  EXPECT_THAT(now(StoreOp::kQueuePop, {"q"}).values, ElementsAre("1"));
  EXPECT_THAT(now(StoreOp::kQueuePop, {"q"}).values, ElementsAre("2"));
  EXPECT_EQ(now(StoreOp::kQueuePop, {"q"}).code, StatusCode::kNotFound);
  const WaiterId first = park(StoreOp::kQueuePop, {"q"});
  const WaiterId second = park(StoreOp::kQueuePop, {"q"});

  now(StoreOp::kQueuePush, {"q"}, {"3"});
  now(StoreOp::kQueuePush, {"q"}, {"4"});

  const std::vector<Released> released = table_.take_released();
  ASSERT_THAT(released, SizeIs(2));
  EXPECT_EQ(released[0].waiter, first);
  EXPECT_THAT(released[0].response.values, ElementsAre("3"));
  EXPECT_EQ(released[1].waiter, second);
  EXPECT_EQ(table_.total_bytes(), 0u);
}

TEST_F(StoreTableTest, AQueueWithEntriesEndsAWaitButIsNoValue) {
  park(StoreOp::kWait, {"q"});
  park(StoreOp::kGet, {"q"});

  now(StoreOp::kQueuePush, {"q"}, {"1"});

  EXPECT_THAT(table_.take_released(), SizeIs(1));
  EXPECT_EQ(table_.num_waiters(), 1u);
}

TEST_F(StoreTableTest, ClosingAbortsAllAndEverythingAfter) {
  park(StoreOp::kGet, {"k"});
  now(StoreOp::kSet, {"other"}, {"v"});

  const std::vector<Released> released = table_.close();

  ASSERT_THAT(released, SizeIs(1));
  EXPECT_EQ(released[0].response.code, StatusCode::kAborted);
  EXPECT_EQ(now(StoreOp::kSet, {"k"}, {"v"}).code, StatusCode::kAborted);
  EXPECT_EQ(table_.next_deadline(), std::nullopt);
}

TEST_F(StoreTableTest, AForgottenWaiterIsNotReleased) {
  const WaiterId waiter = park(StoreOp::kGet, {"k"});

  table_.forget(waiter);
  table_.forget(waiter);
  now(StoreOp::kSet, {"k"}, {"v"});

  EXPECT_THAT(table_.take_released(), IsEmpty());
}

TEST_F(StoreTableTest, LimitsAreRefusedAndChangeNothing) {
  const std::string big(100, 'v');
  EXPECT_EQ(now(StoreOp::kSet, {std::string(65, 'k')}, {"v"}).code, StatusCode::kResourceExhausted);
  EXPECT_EQ(now(StoreOp::kSet, {"k"}, {big + "v"}).code, StatusCode::kResourceExhausted);
  for (int i = 0; i < 9; ++i) now(StoreOp::kSet, {std::to_string(i)}, {big});
  const size_t before = table_.total_bytes();

  EXPECT_EQ(now(StoreOp::kSet, {"9"}, {big}).code, StatusCode::kResourceExhausted);
  EXPECT_EQ(now(StoreOp::kMultiSet, {"x", "9"}, {"1", big}).code, StatusCode::kResourceExhausted);
  EXPECT_EQ(now(StoreOp::kQueuePush, {"q"}, {big}).code, StatusCode::kResourceExhausted);
  EXPECT_EQ(now(StoreOp::kAppend, {"0"}, {"v"}).code, StatusCode::kResourceExhausted);

  EXPECT_EQ(table_.total_bytes(), before);
  EXPECT_EQ(now(StoreOp::kCheck, {"x"}).number, 0);
  EXPECT_EQ(now(StoreOp::kSet, {"0"}, {big}).code, StatusCode::kOk);
}

TEST_F(StoreTableTest, AWrongNumberOfKeysOrValuesIsRefused) {
  EXPECT_EQ(now(StoreOp::kSet, {}, {"v"}).code, StatusCode::kInvalidArgument);
  EXPECT_EQ(now(StoreOp::kSet, {"k"}, {}).code, StatusCode::kInvalidArgument);
  EXPECT_EQ(now(StoreOp::kMultiSet, {"a", "b"}, {"1"}).code, StatusCode::kInvalidArgument);
  EXPECT_EQ(now(StoreOp::kQueuePop, {}).code, StatusCode::kInvalidArgument);
  EXPECT_EQ(now(static_cast<StoreOp>(99), {"k"}).code, StatusCode::kInvalidArgument);
}

TEST_F(StoreTableTest, AnEmptyWaitIsOverAtOnce) { EXPECT_EQ(now(StoreOp::kWait, {}).code, StatusCode::kOk); }

}  // namespace
}  // namespace fabric::rendezvous
