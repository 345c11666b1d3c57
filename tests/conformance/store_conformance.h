#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace fabric::testing {

/// Stores of two ranks that share their keys, and what they live on.
struct StorePair {
  c10::intrusive_ptr<c10d::Store> one;
  c10::intrusive_ptr<c10d::Store> other;
  std::shared_ptr<void> owner{};
};

struct StoreCase {
  std::string name;
  std::function<StorePair()> create;
};

inline std::string store_case_name(const ::testing::TestParamInfo<StoreCase>& info) { return info.param.name; }

/// What LibTorch's process groups may ask of a store. LibTorch's own HashStore passes too, so it is no invention of ours.
class StoreConformanceTest : public ::testing::TestWithParam<StoreCase> {
 protected:
  using Bytes = std::vector<uint8_t>;
  static Bytes bytes(const std::string& text) { return {text.begin(), text.end()}; }
  static constexpr std::chrono::milliseconds kShort{20};

  StoreConformanceTest() {
    for (c10d::Store* store : {pair_.one.get(), pair_.other.get()}) store->setTimeout(std::chrono::seconds(20));
  }

  StorePair pair_ = GetParam().create();
  c10d::Store& one_ = *pair_.one;
  c10d::Store& other_ = *pair_.other;
};

TEST_P(StoreConformanceTest, GetsWhatAnotherSetWithEveryByte) {
  Bytes all(256);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint8_t>(i);

  one_.set("key", all);

  EXPECT_EQ(other_.get("key"), all);
}

TEST_P(StoreConformanceTest, KeepsEmptyValuesAndOverwritesOldOnes) {
  one_.set("key", "old");
  one_.set("key", "");

  EXPECT_TRUE(one_.check({"key"}));
  EXPECT_EQ(other_.get("key"), Bytes{});
}

TEST_P(StoreConformanceTest, GetWaitsForTheKey) {
  auto waiting = std::async(std::launch::async, [this] { return one_.get_to_str("key"); });
  EXPECT_EQ(waiting.wait_for(kShort), std::future_status::timeout);

  other_.set("key", "value");

  EXPECT_EQ(waiting.get(), "value");
}

TEST_P(StoreConformanceTest, GetGivesUpAfterTheStoresTimeout) {
  one_.setTimeout(kShort);

  EXPECT_THROW(one_.get("key"), std::exception);
  EXPECT_EQ(one_.getTimeout(), kShort);
}

TEST_P(StoreConformanceTest, WaitEndsOnceAllKeysAreThere) {
  auto waiting = std::async(std::launch::async, [this] { one_.wait({"a", "b"}); });

  other_.set("a", "1");
  EXPECT_EQ(waiting.wait_for(kShort), std::future_status::timeout);
  other_.set("b", "2");

  EXPECT_NO_THROW(waiting.get());
}

TEST_P(StoreConformanceTest, WaitGivesUpAfterItsOwnTimeout) {
  one_.set("a", "1");
  const auto begin = std::chrono::steady_clock::now();

  EXPECT_THROW(one_.wait({"a", "b"}, kShort), std::exception);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_P(StoreConformanceTest, AddCountsFromNothingAndForAll) {
  EXPECT_EQ(one_.add("counter", 3), 3);
  EXPECT_EQ(other_.add("counter", -1), 2);
  EXPECT_EQ(one_.add("counter", 0), 2);
  EXPECT_EQ(other_.get_to_str("counter"), "2");
}

TEST_P(StoreConformanceTest, CompareSetSetsOnlyWhatIsAsExpected) {
  EXPECT_EQ(one_.compareSet("key", std::string(), "first"), "first");
  EXPECT_EQ(other_.compareSet("key", std::string("wrong"), "second"), "first");
  EXPECT_EQ(other_.compareSet("key", std::string("first"), "second"), "second");
  EXPECT_EQ(one_.get_to_str("key"), "second");
}

TEST_P(StoreConformanceTest, CompareSetOfAMissingKeyAnswersWithWhatWasExpected) {
  EXPECT_EQ(one_.compareSet("key", std::string("expected"), "new"), "expected");
  EXPECT_FALSE(one_.check({"key"}));
}

TEST_P(StoreConformanceTest, DeleteSaysWhetherTheKeyWasThere) {
  one_.set("key", "value");

  EXPECT_TRUE(other_.deleteKey("key"));
  EXPECT_FALSE(other_.deleteKey("key"));
  EXPECT_FALSE(one_.check({"key"}));
}

TEST_P(StoreConformanceTest, CheckAsksForAllKeysWithoutWaiting) {
  one_.set("a", "1");

  EXPECT_TRUE(other_.check({"a"}));
  EXPECT_FALSE(other_.check({"a", "b"}));
}

TEST_P(StoreConformanceTest, CountsItsKeys) {
  const int64_t before = one_.getNumKeys();

  one_.set("a", "1");
  other_.set("b", "2");
  one_.deleteKey("a");

  EXPECT_EQ(other_.getNumKeys(), before + 1);
}

TEST_P(StoreConformanceTest, SetsAndGetsSeveralAtOnce) {
  ASSERT_TRUE(one_.hasExtendedApi());
  one_.multiSet({"a", "b"}, {bytes("1"), bytes("2")});

  EXPECT_THAT(other_.multiGet({"b", "a"}), ::testing::ElementsAre(bytes("2"), bytes("1")));
}

TEST_P(StoreConformanceTest, MultiGetWaitsForAllKeys) {
  one_.set("a", "1");
  auto waiting = std::async(std::launch::async, [this] { return one_.multiGet({"a", "b"}); });
  EXPECT_EQ(waiting.wait_for(kShort), std::future_status::timeout);

  other_.set("b", "2");

  EXPECT_THAT(waiting.get(), ::testing::ElementsAre(bytes("1"), bytes("2")));
}

TEST_P(StoreConformanceTest, AppendsToWhatIsThereOrToNothing) {
  one_.append("key", bytes("a"));
  other_.append("key", bytes("b"));

  EXPECT_EQ(one_.get_to_str("key"), "ab");
}

TEST_P(StoreConformanceTest, QueuesAreFirstInFirstOut) {
  EXPECT_EQ(one_.queueLen("queue"), 0);
  one_.queuePush("queue", bytes("1"));
  one_.queuePush("queue", bytes("2"));

  EXPECT_EQ(other_.queueLen("queue"), 2);
  EXPECT_EQ(other_.queuePop("queue", false), bytes("1"));
  EXPECT_EQ(one_.queuePop("queue", true), bytes("2"));
  EXPECT_EQ(one_.queueLen("queue"), 0);
}

TEST_P(StoreConformanceTest, PoppingWaitsForAPush) {
  auto waiting = std::async(std::launch::async, [this] { return one_.queuePop("queue", true); });
  EXPECT_EQ(waiting.wait_for(kShort), std::future_status::timeout);

  other_.queuePush("queue", bytes("1"));

  EXPECT_EQ(waiting.get(), bytes("1"));
}

TEST_P(StoreConformanceTest, PoppingAnEmptyQueueWithoutWaitingThrowsLibTorchsError) {
  EXPECT_THROW(one_.queuePop("queue", false), c10::DistQueueEmptyError);
}

TEST_P(StoreConformanceTest, ClonesSeeTheSameKeys) {
  const auto clone = one_.clone();

  clone->set("key", "value");

  EXPECT_EQ(other_.get_to_str("key"), "value");
}

TEST_P(StoreConformanceTest, ServesSeveralThreadsOfARank) {
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([this] {
        for (int j = 0; j < 50; ++j) one_.add("counter", 1);
      });
    }
  }

  EXPECT_EQ(other_.add("counter", 0), 200);
}

}  // namespace fabric::testing
