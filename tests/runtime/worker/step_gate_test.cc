#include "runtime/worker/step_gate.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "frames/messages.h"

namespace fabric {
namespace {

using namespace std::chrono_literals;

/// A thread that waits at the end of `step`.
std::future<bool> pass(StepGate& gate, int64_t step) {
  return std::async(std::launch::async, [&gate, step] { return gate.pass(step); });
}

TEST(StepGateTest, LetsStepsPassWhereNobodyAsks) {
  StepGate gate;

  for (int64_t step = 1; step < 100; ++step) EXPECT_FALSE(gate.pass(step));
  EXPECT_FALSE(gate.is_stopping());
}

TEST(StepGateTest, ARankWithoutAStepSaysSoAndIsNotHeldUp) {
  StepGate gate;

  EXPECT_EQ(gate.close(), -1);

  EXPECT_FALSE(gate.pass(1));
}

TEST(StepGateTest, WaitsAtTheStepThatItNamedAndStopsAtTheLimit) {
  StepGate gate;
  gate.pass(7);
  EXPECT_EQ(gate.close(), 8);
  std::future<bool> waiting = pass(gate, 8);
  EXPECT_EQ(waiting.wait_for(1ms), std::future_status::timeout);

  gate.open(10);

  EXPECT_FALSE(waiting.get());
  EXPECT_TRUE(gate.is_stopping());
  EXPECT_FALSE(gate.pass(9));
  EXPECT_TRUE(gate.pass(10));
}

TEST(StepGateTest, StopsWhereItWaitsIfThatIsTheLimit) {
  StepGate gate;
  gate.pass(7);
  gate.close();
  std::future<bool> waiting = pass(gate, 8);

  gate.open(8);

  EXPECT_TRUE(waiting.get());
}

TEST(StepGateTest, NamesTheSameStepWhenItIsAskedAgain) {
  StepGate gate;
  gate.pass(7);

  EXPECT_EQ(gate.close(), 8);
  EXPECT_EQ(gate.close(), 8);
}

TEST(StepGateTest, GoesOnWhereTheStopIsCalledOff) {
  StepGate gate;
  gate.pass(7);
  gate.close();

  gate.open(frames::kNoStepLimit);

  EXPECT_FALSE(gate.pass(8));
  EXPECT_FALSE(gate.is_stopping());
}

TEST(StepGateTest, WhatWasAgreedOnceStays) {
  StepGate gate;
  gate.pass(7);
  gate.close();
  gate.open(9);

  gate.open(frames::kNoStepLimit);

  EXPECT_TRUE(gate.is_stopping());
  EXPECT_TRUE(gate.pass(9));
}

TEST(StepGateTest, NoRankSlipsPastTheStepThatItNamedHoweverFastItRuns) {
  for (int round = 0; round < 200; ++round) {
    StepGate gate;
    std::atomic<int64_t> ended{0};
    std::jthread trainer([&] {
      while (!gate.pass(ended + 1)) ++ended;
    });
    int64_t named = -1;
    while (named < 0) named = gate.close();

    const int64_t seen = ended;
    gate.open(named);
    trainer.join();

    EXPECT_LT(seen, named);
    EXPECT_EQ(ended + 1, named) << "it stops there and nowhere else";
  }
}

}  // namespace
}  // namespace fabric
