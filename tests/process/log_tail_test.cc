#include "process/log_tail.h"

#include <gtest/gtest.h>

namespace fabric::process {
namespace {

TEST(LogTailTest, KeepsTheLastLinesOverSeveralAdds) {
  LogTail tail;
  std::vector<std::string> texts;
  for (int i = 0; i < 120; ++i) texts.push_back(std::to_string(i));
  const std::vector<std::string_view> views(texts.begin(), texts.end());

  tail.add(std::span(views).first(110));
  tail.add(std::span(views).last(10));

  const std::vector<std::string> lines = tail.lines();
  ASSERT_EQ(lines.size(), LogTail::kMaxLines);
  EXPECT_EQ(lines.front(), "70");
  EXPECT_EQ(lines.back(), "119");
}

TEST(LogTailTest, CutsLongLines) {
  LogTail tail;
  const std::string text(10'000, 'x');
  const std::string_view view = text;

  tail.add({&view, 1});

  EXPECT_EQ(tail.lines().front(), std::string(LogTail::kMaxLineBytes - 3, 'x') + "...");
}

}  // namespace
}  // namespace fabric::process
