#include "process/log_tail.h"

#include <gtest/gtest.h>

namespace fabric::process {
namespace {

TEST(LogTailTest, KeepsTheLastLinesOverSeveralAdds) {
  LogTail tail;
  std::string text;
  for (int i = 0; i < 110; ++i) text += std::to_string(i) + '\n';

  tail.add(text);
  tail.add("110\n111\n\n113");

  const std::vector<std::string> lines = tail.lines();
  ASSERT_EQ(lines.size(), LogTail::kMaxLines);
  EXPECT_EQ(lines.front(), "64");
  EXPECT_EQ(lines[LogTail::kMaxLines - 2], "");
  EXPECT_EQ(lines.back(), "113");
}

TEST(LogTailTest, KeepsFewLinesAsTheyAre) {
  LogTail tail;

  tail.add("\n");
  tail.add("x");
  tail.add("one\ntwo\n");

  EXPECT_EQ(tail.lines(), (std::vector<std::string>{"", "x", "one", "two"}));
}

TEST(LogTailTest, CutsLongLines) {
  LogTail tail;

  tail.add(std::string(10'000, 'x'));

  EXPECT_EQ(tail.lines().front(), std::string(LogTail::kMaxLineBytes - 3, 'x') + "...");
}

}  // namespace
}  // namespace fabric::process
