#include "shell_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fabric::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> words(const std::string& command) {
  auto result = split_words(command);
  EXPECT_TRUE(result.ok()) << result.status().message();
  return result.ok() ? *result : std::vector<std::string>{};
}

std::vector<int> ranks(const std::string& list) {
  auto result = parse_ranks(list);
  EXPECT_TRUE(result.ok()) << result.status().message();
  return result.ok() ? *result : std::vector<int>{};
}

TEST(SplitWordsTest, SplitsAtBlanks) {
  EXPECT_THAT(words("gdb --args"), ElementsAre("gdb", "--args"));
  EXPECT_THAT(words("  a\t b\nc  "), ElementsAre("a", "b", "c"));
  EXPECT_THAT(words(""), IsEmpty());
  EXPECT_THAT(words(" \t"), IsEmpty());
}

TEST(JoinWordsTest, WritesWhatSplitsIntoTheSameWords) {
  const std::vector<std::string> kWords = {"gdb",   "--args=1", "",   "a b", "it's",
                                           "$HOME", "<run id>", "\"", "\\",  "a\nb"};

  EXPECT_EQ(words(join_words(kWords)), kWords);
  EXPECT_EQ(join_words({"a", "b c"}), "a 'b c'");
}

TEST(SplitWordsTest, KeepsWhatIsQuotedTogether) {
  EXPECT_THAT(words(R"(gdb -ex 'b train' -ex "info locals")"),
              ElementsAre("gdb", "-ex", "b train", "-ex", "info locals"));
  EXPECT_THAT(words(R"(a'b c'd"e f"g)"), ElementsAre("ab cde fg")) << "parts without a blank between are one word";
  EXPECT_THAT(words(R"('' "" x)"), ElementsAre("", "", "x"));
  EXPECT_THAT(words(R"('it''s' "it's" 'say "no"')"), ElementsAre("its", "it's", R"(say "no")"));
}

TEST(SplitWordsTest, TakesABackslashAsAShellDoes) {
  EXPECT_THAT(words(R"(a\ b \'c\" \\)"), ElementsAre("a b", R"('c")", R"(\)"));
  EXPECT_THAT(words(R"('a\b' "a\b" "\"\\\$")"), ElementsAre(R"(a\b)", R"(a\b)", R"("\$)"));
  EXPECT_THAT(words("a\\\nb \"c\\\nd\""), ElementsAre("ab", "cd")) << "a line that goes on";
}

TEST(SplitWordsTest, ExpandsNothing) {
  EXPECT_THAT(words("echo $HOME `ls` * ; a|b ~"), ElementsAre("echo", "$HOME", "`ls`", "*", ";", "a|b", "~"));
}

TEST(SplitWordsTest, SaysWhatHasNoEnd) {
  EXPECT_THAT(split_words("gdb 'x").status().message(), HasSubstr("one of ' has none; add it"));
  EXPECT_THAT(split_words("gdb \"x'").status().message(), HasSubstr("one of \" has none; add it"));
  EXPECT_THAT(split_words("gdb \"x\\\"").status().message(), HasSubstr("one of \" has none"));
  EXPECT_THAT(split_words("gdb \\").status().message(), HasSubstr("a backslash must stand before a character"));
}

TEST(ParseRanksTest, ReadsNumbersAndRanges) {
  EXPECT_THAT(ranks("1"), ElementsAre(1));
  EXPECT_THAT(ranks("5,0,2-3"), ElementsAre(0, 2, 3, 5));
  EXPECT_THAT(ranks("1-3,2-4,2"), ElementsAre(1, 2, 3, 4)) << "each once";
}

TEST(ParseRanksTest, RefusesEverythingElse) {
  for (const char* wrong : {"", ",", "1,", "a", "1-", "-1", "3-1", "1 ", "1.5", "0x1", "99999999999", "10000000"}) {
    EXPECT_THAT(parse_ranks(wrong).status().message(), HasSubstr("must be global ranks and ranges of them")) << wrong;
  }
}

}  // namespace
}  // namespace fabric::launcher
