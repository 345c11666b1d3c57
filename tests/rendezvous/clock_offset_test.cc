#include "rendezvous/clock_offset.h"

#include <gtest/gtest.h>

namespace fabric::rendezvous {
namespace {

using namespace std::chrono_literals;

TEST(ClockOffsetTest, TheQuickestMessageTellsMost) {
  ClockOffset clock;
  EXPECT_EQ(clock.estimate(), 0ns);

  clock.observe({1h + 900us}, Nanoseconds(10min).count());
  clock.observe({1h + 1s + 200us}, Nanoseconds(10min + 1s).count());
  clock.observe({1h + 2s + 500us}, Nanoseconds(10min + 2s).count());

  EXPECT_EQ(clock.estimate(), 50min + 200us);
}

TEST(ClockOffsetTest, AClockThatIsAheadHasANegativeOffset) {
  ClockOffset clock;
  clock.observe({1s}, Nanoseconds(3s).count());

  EXPECT_EQ(clock.estimate(), -2s);
}

TEST(ClockOffsetTest, FollowsAClockThatDrifts) {
  ClockOffset clock;
  for (int beat = 0; beat < 10'000; ++beat) {
    const Nanoseconds now = beat * 200ms;
    const Nanoseconds drift = beat * 10us;  // 50 ppm
    clock.observe({1h + now}, (now - drift).count());
  }

  EXPECT_LE(clock.estimate() - (1h + 9'999 * 10us), 0ns);
  EXPECT_GE(clock.estimate() - (1h + 9'999 * 10us), -512 * 10us) << "what is older is forgotten";
}

}  // namespace
}  // namespace fabric::rendezvous
