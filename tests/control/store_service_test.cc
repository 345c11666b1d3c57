#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "control/test_agent.h"

namespace fabric::control {
namespace {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::ElementsAre;

constexpr GenerationId kGeneration{1, 1};

class StoreServiceTest : public testing::Test {
 protected:
  StoreServiceTest() { server_->open_store(kGeneration); }
  static StoreRequest set(std::string key, std::string value) {
    return {StoreOp::kSet, {std::move(key)}, {std::move(value)}, 0, 0};
  }
  static StoreRequest get(std::string key, int64_t timeout_ms) {
    return {StoreOp::kGet, {std::move(key)}, {}, 0, timeout_ms};
  }

  TestServer server_;
  std::unique_ptr<TestAgent> a_ = server_.join("a");
  std::unique_ptr<TestAgent> b_ = server_.join("b");
};

TEST_F(StoreServiceTest, OneClientWaitsForWhatAnotherSets) {
  std::future<StoreResponse> waiting = a_->start_call(kGeneration, get("k", 60'000));
  ASSERT_TRUE(server_.wakes.next());

  EXPECT_EQ(b_->call(kGeneration, set("k", std::string("v\0\xff", 3))).code, StatusCode::kOk);

  EXPECT_THAT(waiting.get().values, ElementsAre(std::string("v\0\xff", 3)));
}

TEST_F(StoreServiceTest, CountersOfManyClientsAddUp) {
  std::vector<std::future<StoreResponse>> calls;
  for (int i = 0; i < 100; ++i)
    calls.push_back((i % 2 ? a_ : b_)->start_call(kGeneration, {StoreOp::kAdd, {"n"}, {}, 1, 0}));
  for (auto& call : calls) EXPECT_EQ(call.get().code, StatusCode::kOk);

  EXPECT_EQ(a_->call(kGeneration, {StoreOp::kAdd, {"n"}, {}, 0, 0}).number, 100);
}

TEST_F(StoreServiceTest, TimeoutsAreAnsweredWhenExpireIsCalledAsAskedFor) {
  std::future<StoreResponse> late = a_->start_call(kGeneration, get("late", 60'000));
  ASSERT_TRUE(server_.wakes.next());
  std::future<StoreResponse> soon = a_->start_call(kGeneration, get("soon", 30));
  ASSERT_TRUE(server_.wakes.next());
  std::this_thread::sleep_for(40ms);

  server_->expire_stores();

  const StoreResponse response = soon.get();
  EXPECT_EQ(response.code, StatusCode::kDeadlineExceeded);
  EXPECT_EQ(response.message, "waited 30 ms for keys 'soon'");
  EXPECT_TRUE(server_.wakes.next()) << "the other call still needs to be woken for";
  EXPECT_EQ(late.wait_for(0ms), std::future_status::timeout);
}

TEST_F(StoreServiceTest, ClosingAGenerationAbortsItsWaitersOnly) {
  server_->open_store({1, 2});
  std::future<StoreResponse> old_one = a_->start_call(kGeneration, get("k", 60'000));
  ASSERT_TRUE(server_.wakes.next());
  std::future<StoreResponse> new_one = b_->start_call({1, 2}, get("k", 50'000));
  ASSERT_TRUE(server_.wakes.next());

  server_->close_store(kGeneration);

  EXPECT_EQ(old_one.get().code, StatusCode::kAborted);
  EXPECT_EQ(a_->call(kGeneration, set("k", "v")).code, StatusCode::kAborted);
  EXPECT_EQ(a_->call({1, 2}, set("k", "v")).code, StatusCode::kOk);
  EXPECT_THAT(new_one.get().values, ElementsAre("v"));
}

TEST_F(StoreServiceTest, GenerationsShareNoKeys) {
  server_->open_store({1, 2});
  a_->call(kGeneration, set("k", "old"));

  EXPECT_EQ(a_->call({1, 2}, {StoreOp::kCheck, {"k"}, {}, 0, 0}).number, 0);
}

TEST_F(StoreServiceTest, AWaiterWhoseClientVanishesIsForgotten) {
  std::future<StoreResponse> waiting = a_->start_call(kGeneration, {StoreOp::kQueuePop, {"q"}, {}, 1, 60'000});
  ASSERT_TRUE(server_.wakes.next());
  a_->destroy();
  EXPECT_EQ(waiting.get().code, StatusCode::kCancelled);
  ASSERT_TRUE(server_.closed.next());

  // What is pushed now must not be lost to the waiter that is gone. Its cancellation is on its way.
  int64_t length = 0;
  for (int attempt = 0; attempt < 100 && length == 0; ++attempt) {
    std::this_thread::sleep_for(5ms);
    b_->call(kGeneration, {StoreOp::kQueuePush, {"q"}, {"entry"}, 0, 0});
    length = b_->call(kGeneration, {StoreOp::kQueueLength, {"q"}, {}, 0, 0}).number;
  }

  EXPECT_GT(length, 0);
}

TEST_F(StoreServiceTest, AClientMayBeDestroyedWhileItsCallsEnd) {
  for (int round = 0; round < 10; ++round) {
    const std::unique_ptr<TestAgent> agent = server_.join("c" + std::to_string(round));
    std::vector<std::future<StoreResponse>> calls;
    for (int i = 0; i < 200; ++i) calls.push_back(agent->start_call(kGeneration, set("k", "v")));
    calls[static_cast<size_t>(round) * 10].wait();

    agent->destroy();

    for (auto& call : calls) EXPECT_THAT(call.get().code, AnyOf(StatusCode::kOk, StatusCode::kCancelled));
  }
}

TEST_F(StoreServiceTest, ValuesOfTheLargestSizeGoThroughAndLargerOnesAreRefused) {
  const std::string largest(64 << 20, 'v');

  EXPECT_EQ(a_->call(kGeneration, set("big", largest)).code, StatusCode::kOk);
  EXPECT_EQ(b_->call(kGeneration, get("big", 0)).values, std::vector<std::string>{largest});
  EXPECT_EQ(a_->call(kGeneration, set("bigger", largest + "v")).code, StatusCode::kResourceExhausted);
}

TEST_F(StoreServiceTest, AMessageOverTheLimitIsRefusedAndTheConnectionLives) {
  const std::string value(64 << 20, 'v');
  StoreRequest request{StoreOp::kMultiSet, {"1", "2", "3", "4", "5"}, {value, value, value, value, value}, 0, 0};

  EXPECT_EQ(a_->call(kGeneration, std::move(request)).code, StatusCode::kResourceExhausted);

  EXPECT_EQ(a_->call(kGeneration, set("k", "v")).code, StatusCode::kOk);
}

}  // namespace
}  // namespace fabric::control
