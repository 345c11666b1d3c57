#include "core/ids.h"

#include <gtest/gtest.h>

#include "core/concat.h"

namespace fabric {
namespace {

TEST(GenerationIdTest, OrdersByTermThenCounter) {
  EXPECT_LT((GenerationId{1, 9}), (GenerationId{2, 1}));
  EXPECT_LT((GenerationId{2, 1}), (GenerationId{2, 2}));
  EXPECT_EQ(concat(GenerationId{2, 1}), "2.1");
}

TEST(IsValidNameTest, AcceptsWhatIsSafeAsAPathComponent) {
  EXPECT_TRUE(is_valid_name("digits-20261123-101500-a1b2"));
  EXPECT_TRUE(is_valid_name("x"));
  EXPECT_TRUE(is_valid_name(std::string(64, 'a')));
}

TEST(IsValidNameTest, RefusesPathsHiddenNamesAndOptions) {
  for (const char* bad : {"", ".", "..", ".x", "-x", "a/b", "a b", "a\n", "ä"}) EXPECT_FALSE(is_valid_name(bad)) << bad;
  EXPECT_FALSE(is_valid_name(std::string(65, 'a')));
}

}  // namespace
}  // namespace fabric
