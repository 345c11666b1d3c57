#include "fabric/progress.h"

#include <gmock/gmock.h>

#include "core/clock.h"
#include "runtime/data/numbers.h"

namespace fabric {
namespace {

using detail::ProgressLine;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

struct Screen {
  ProgressLine::Output output(bool is_terminal) {
    return {is_terminal, [this](std::string_view text) { written.emplace_back(text); }, &clock};
  }

  ManualClock clock;
  std::vector<std::string> written;
};

TEST(ProgressTest, SaysOnATerminalHowFarHowFastAndHowLongStill) {
  Screen screen;
  {
    ProgressLine line(2, 40, 0, screen.output(true));
    screen.clock.advance(2s);
    line.show(10);
    screen.clock.advance(50ms);
    line.show(11);  // too soon
  }

  EXPECT_THAT(screen.written, ElementsAre("\repoch 2  batch 0/40  0 %\033[K",
                                          "\repoch 2  batch 10/40  25 %  5 batches/s  0:06 left\033[K",
                                          "\repoch 2  batch 11/40  27 %  5.37 batches/s  0:06 left\033[K", "\n"));
}

TEST(ProgressTest, WritesALineEveryFiveSecondsWhereThereIsNoTerminal) {
  Screen screen;
  {
    ProgressLine line(0, 4'000, 0, screen.output(false));
    for (int64_t batch = 1; batch <= 110; ++batch) {
      screen.clock.advance(100ms);
      line.show(batch);
    }
  }

  EXPECT_THAT(screen.written, ElementsAre("epoch 0  batch 50/4000  1 %  10 batches/s  6:35 left\n",
                                          "epoch 0  batch 100/4000  2 %  10 batches/s  6:30 left\n",
                                          "epoch 0  batch 110/4000  2 %  10 batches/s  6:29 left\n"));
}

TEST(ProgressTest, IsSilentOverAShortLoopWhereThereIsNoTerminal) {
  Screen screen;
  { ProgressLine(0, 2, 0, screen.output(false)).show(2); }

  EXPECT_THAT(screen.written, IsEmpty());
}

TEST(ProgressTest, CountsFromWhereAResumedLoopBegan) {
  Screen screen;
  ProgressLine line(1, 100, 90, screen.output(true));
  screen.clock.advance(1s);
  line.show(92);

  EXPECT_THAT(screen.written.back(), HasSubstr("batch 92/100  92 %  2 batches/s  0:04 left"));
}

TEST(ProgressTest, DoesWithoutAnEndThatIsNotKnown) {
  Screen screen;
  ProgressLine line(1, std::nullopt, 0, screen.output(true));
  screen.clock.advance(4000s);
  line.show(2000);

  EXPECT_THAT(screen.written.back(), HasSubstr("epoch 1  batch 2000  0.5 batches/s  1:06:40 in all\033[K"));
}

TEST(ProgressTest, GivesTheBatchesOfTheLoader) {
  const auto loader = testing::make_loader(5, {.batch_size = 2});
  std::vector<int64_t> numbers;
  for (auto& [batch, drawn] : Progress<testing::Numbers>(loader, false)) {
    const auto given = testing::to_vector(batch);
    numbers.insert(numbers.end(), given.begin(), given.end());
  }

  EXPECT_THAT(numbers, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(loader.epoch(), 0);
}

// What stdout gets, which is no terminal here.
TEST(ProgressTest, LeavesNothingHalfWrittenWhereALoopIsLeft) {
  const auto loader = testing::make_loader(5, {.batch_size = 2, .num_workers = 1});
  ::testing::internal::CaptureStdout();
  for ([[maybe_unused]] auto& batch : Progress<testing::Numbers>(loader, true)) break;
  const auto fails = [&loader] {
    for ([[maybe_unused]] auto& batch : Progress<testing::Numbers>(loader, true)) throw std::runtime_error("stop");
  };
  EXPECT_THROW(fails(), std::runtime_error);

  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(loader.position(), 2);
}

}  // namespace
}  // namespace fabric
