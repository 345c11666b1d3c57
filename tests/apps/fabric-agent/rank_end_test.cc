#include "rank_end.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace fabric::agent {
namespace {

using ::testing::HasSubstr;

constexpr TimePoint at(int64_t ns) { return TimePoint{Nanoseconds(ns)}; }

/// A rank that called train() and whose exit was seen at 1000.
RankEnd ended(process::ChildExit exit) {
  RankEnd end;
  end.exit = exit;
  end.seen = at(1000);
  end.said_hello = end.was_ready = true;
  return end;
}

ExitReport judged(const RankEnd& end) {
  ExitReport report;
  judge_end(end, report);
  return report;
}

TEST(RankEndTest, ARankThatReturnedZeroEndedWell) {
  RankEnd end = ended({.exit_code = 0});
  end.returned = 0;

  const ExitReport report = judged(end);

  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.message, "");
  EXPECT_EQ(report.time_ns, 1000);
}

TEST(RankEndTest, AnExitStatusThatLooksGoodIsAFailureWhereTrainDidNotReturn) {
  for (const int code : {0, 75}) {
    const ExitReport report = judged(ended({.exit_code = code}));

    EXPECT_EQ(report.exit_code, 1);
    EXPECT_EQ(report.message, "train() had not returned when the process left");
  }
}

TEST(RankEndTest, NamesWhoEndedARankEarly) {
  RankEnd end = ended({.exit_code = 44});
  end.was_ready = false;
  end.crash.time_ns = 900;
  end.crash.exit_code = 300;
  end.crash.exit_function = "_exit";

  const ExitReport report = judged(end);

  EXPECT_EQ(report.exit_code, 44);
  EXPECT_EQ(report.message, "train() had not been called when _exit(300) was called, of which an exit status keeps 44");
  EXPECT_EQ(report.time_ns, 900);
}

TEST(RankEndTest, ACommandThatRunsTheWorkerCannotHideWhatTrainReturned) {
  RankEnd end = ended({.exit_code = 0});
  end.returned = 5;

  EXPECT_EQ(judged(end).exit_code, 1);
  EXPECT_EQ(judged(end).message, "train() returned 5, but the exit code is 0");
}

TEST(RankEndTest, AFailureHasTheTimeAtWhichTheRankSaysThatItFailed) {
  RankEnd end = ended({.exit_code = 1});
  end.tell({"std::runtime_error", "no data", "", 400}, at(500));
  end.tell({"std::runtime_error", "no data", "at f()", 400}, at(700));

  const ExitReport report = judged(end);

  EXPECT_EQ(report.time_ns, 400);
  EXPECT_EQ(report.exception_type, "std::runtime_error");
  EXPECT_EQ(report.message, "no data");
  EXPECT_EQ(report.backtrace, "at f()");
}

TEST(RankEndTest, AFailureWithoutATimeHasThatAtWhichItWasHeardOf) {
  RankEnd end = ended({.exit_code = 78});
  end.tell({"", "cannot load", "", 0}, at(500));

  EXPECT_EQ(judged(end).time_ns, 500);
}

TEST(RankEndTest, WhatWeKilledIsNoFailure) {
  RankEnd end = ended({.signal = SIGKILL});
  end.killed = at(800);
  end.kill_reason = "rank 3 failed";

  EXPECT_TRUE(judged(end).killed_by_us);
  EXPECT_EQ(judged(end).message, "rank 3 failed");
}

TEST(RankEndTest, ARankThatFailedBeforeWeKilledItIsAFailureOfItsOwn) {
  RankEnd end = ended({.signal = SIGKILL});
  end.killed = at(800);
  end.tell({"std::runtime_error", "no data", "", 700}, at(900));

  const ExitReport report = judged(end);

  EXPECT_FALSE(report.killed_by_us);
  EXPECT_EQ(report.time_ns, 700);
  EXPECT_EQ(report.signal, 0);
  EXPECT_EQ(report.exit_code, 1);
}

TEST(RankEndTest, ARankThatCrashedBeforeWeKilledItEndedByItsOwnSignal) {
  RankEnd end = ended({.signal = SIGKILL});
  end.killed = at(800);
  end.crash.time_ns = 700;
  end.crash.signal = SIGSEGV;

  EXPECT_FALSE(judged(end).killed_by_us);
  EXPECT_EQ(judged(end).signal, SIGSEGV);
  EXPECT_EQ(judged(end).time_ns, 700);
}

TEST(RankEndTest, ARankThatLeftBeforeWeKilledItEndedWithItsOwnCode) {
  RankEnd end = ended({.signal = SIGKILL});
  end.killed = at(800);
  end.crash.time_ns = 700;
  end.crash.exit_code = 7;

  EXPECT_FALSE(judged(end).killed_by_us);
  EXPECT_EQ(judged(end).signal, 0);
  EXPECT_EQ(judged(end).exit_code, 7);
}

TEST(RankEndTest, WhatARankThrowsBecauseItIsToldToEndIsNoFailureOfItsOwn) {
  RankEnd end = ended({.exit_code = 1});
  end.terminated = at(600);
  end.tell({"std::runtime_error", "interrupted", "", 700}, at(700));

  EXPECT_TRUE(judged(end).killed_by_us);
}

TEST(RankEndTest, ARankThatIsToldToEndMayEndWell) {
  RankEnd end = ended({.exit_code = 75});
  end.terminated = at(600);
  EXPECT_TRUE(judged(end).killed_by_us) << "train() did not return";

  end.returned = 75;

  EXPECT_FALSE(judged(end).killed_by_us);
  EXPECT_EQ(judged(end).exit_code, 75);
}

TEST(RankEndTest, ACrashAfterSigtermIsAFailure) {
  RankEnd end = ended({.signal = SIGSEGV});
  end.terminated = at(600);
  end.crash.time_ns = 700;

  EXPECT_FALSE(judged(end).killed_by_us);
}

TEST(RankEndTest, WhatItsSupervisorEndedItForIsWhatItFailedOf) {
  RankEnd end = ended({.signal = SIGKILL});
  end.fault = "it was silent for too long";
  end.killed = at(900);

  EXPECT_FALSE(judged(end).killed_by_us);
  EXPECT_EQ(judged(end).message, "it was silent for too long");
}

TEST(RankEndTest, SaysWhyACrashLeftNoBacktrace) {
  RankEnd end = ended({.signal = SIGSEGV});
  EXPECT_THAT(judged(end).message, HasSubstr("uses up its stack"));

  end.said_hello = false;

  EXPECT_EQ(judged(end).message, "") << "there was no handler yet";
}

TEST(RankEndTest, OfAnUncaughtExceptionTheBacktraceIsThatOfTheThrow) {
  RankEnd end = ended({.signal = SIGABRT});
  end.tell({"int", "42", "at f()", 400}, at(500));
  end.crash.time_ns = 410;
  end.crash.signal = SIGABRT;
  end.crash.backtrace = "signal 6 (aborted)\nabort+0x1 in /lib/libc.so.6";

  EXPECT_EQ(judged(end).backtrace, "at f()");
  EXPECT_EQ(judged(end).time_ns, 400);
}

}  // namespace
}  // namespace fabric::agent
