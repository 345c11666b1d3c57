#include "line_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "rank_label.h"

namespace fabric::launcher {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LineFolderTest : public ::testing::Test {
 protected:
  LineFolderTest() { folder_.expect(4); }

  void add(int rank, const std::string& text) { folder_.add(rank, false, text, now_); }
  std::vector<std::string> due() { return shown(folder_.take_due(now_)); }
  static std::vector<std::string> shown(const std::vector<FoldedLine>& lines) {
    std::vector<std::string> texts;
    for (const FoldedLine& line : lines) texts.push_back(rank_label(line.ranks) + ": " + line.text);
    return texts;
  }

  LineFolder folder_;
  TimePoint now_{1h};
};

TEST_F(LineFolderTest, ShowsALineOfAllRanksOnceAndAtOnce) {
  for (const int rank : {2, 0, 3}) add(rank, "same");
  EXPECT_THAT(due(), IsEmpty());

  add(1, "same");

  EXPECT_THAT(due(), ElementsAre("ranks 0-3: same"));
}

TEST_F(LineFolderTest, ShowsALineOfSomeRanksWhenItsTimeIsOver) {
  add(2, "same");
  now_ = now_ + 10ms;
  add(0, "same");
  EXPECT_EQ(folder_.next_due(), now_ - 10ms + LineFolder::kWindow);

  now_ = *folder_.next_due();

  EXPECT_THAT(due(), ElementsAre("ranks 0,2: same"));
  EXPECT_EQ(folder_.next_due(), std::nullopt);
}

TEST_F(LineFolderTest, KeepsTheOrderOfEachRank) {
  add(0, "a");
  add(0, "b");
  add(1, "b");
  add(1, "a");  // after b: it cannot stand with the a that comes before b

  EXPECT_THAT(shown(folder_.take_all()), ElementsAre("rank 0: a", "ranks 0,1: b", "rank 1: a"));
}

TEST_F(LineFolderTest, FoldsEachOfSeveralEqualLinesOfARank) {
  for (const int rank : {0, 1, 2, 3}) {
    for (const char* text : {"x", "x", "y", "x"}) add(rank, text);
  }

  EXPECT_THAT(due(), ElementsAre("ranks 0-3: x", "ranks 0-3: x", "ranks 0-3: y", "ranks 0-3: x"));
}

TEST_F(LineFolderTest, NeverFoldsStdoutWithStderr) {
  folder_.add(0, false, "x", now_);
  folder_.add(1, true, "x", now_);

  EXPECT_THAT(shown(folder_.take_all()), ElementsAre("rank 0: x", "rank 1: x"));
}

TEST_F(LineFolderTest, HoldsNothingOfASingleRank) {
  folder_.expect(1);

  add(0, "x");

  EXPECT_THAT(due(), ElementsAre("rank 0: x"));
}

TEST_F(LineFolderTest, HoldsOnlySoMuch) {
  const std::string text(LineFolder::kMaxHeldBytes / 4, 'x');
  for (int i = 0; i < 10; ++i) add(0, text + std::to_string(i));

  EXPECT_GE(due().size(), 6u);
  EXPECT_LE(shown(folder_.take_all()).size(), 4u);
}

TEST_F(LineFolderTest, LosesAndReordersNothingOfRanksThatPrintAtRandom) {
  std::mt19937 random(7);
  std::vector<std::vector<std::string>> printed(4);
  std::vector<std::vector<std::string>> seen(4);
  const auto see = [&](const std::vector<FoldedLine>& lines) {
    for (const FoldedLine& line : lines) {
      for (const int rank : line.ranks) seen[static_cast<size_t>(rank)].push_back(line.text);
    }
  };

  for (int i = 0; i < 20'000; ++i) {
    const size_t rank = random() % 4;
    printed[rank].push_back(std::to_string(random() % 5));
    add(static_cast<int>(rank), printed[rank].back());
    now_ = now_ + std::chrono::milliseconds(random() % 4);
    see(folder_.take_due(now_));
  }
  see(folder_.take_all());

  EXPECT_EQ(seen, printed);
}

TEST(RankLabelTest, NamesRanksBriefly) {
  EXPECT_EQ(rank_label({3}), "rank 3");
  EXPECT_EQ(rank_label({0, 1, 2, 3}), "ranks 0-3");
  EXPECT_EQ(rank_label({0, 2}), "ranks 0,2");
  EXPECT_EQ(rank_label({0, 1, 4, 6, 7, 8}), "ranks 0,1,4,6-8");
}

}  // namespace
}  // namespace fabric::launcher
