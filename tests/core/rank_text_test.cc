#include "core/rank_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fabric {
namespace {

const RankValues kValues{
    .rank = 5, .local_rank = 1, .node_rank = 2, .world_size = 8, .run_id = "r", .run_dir = "/runs/r"};

TEST(RankTextTest, PutsInWhatARankIs) {
  EXPECT_EQ(*expand_rank_text("${rank}-${local_rank}-${node_rank}-${world_size}", kValues), "5-1-2-8");
  EXPECT_EQ(*expand_rank_text("${run_dir}/${run_id}.log", kValues), "/runs/r/r.log");
  EXPECT_EQ(*expand_rank_text("${rank}${rank}", kValues), "55");
  EXPECT_EQ(*expand_rank_text("", kValues), "");
}

TEST(RankTextTest, LeavesAllElseAsItIs) {
  for (const char* const text : {"$", "$$", "a $5 {rank} }", "$ {rank}", "$rank"}) {
    EXPECT_EQ(*expand_rank_text(text, kValues), text);
  }
  EXPECT_EQ(*expand_rank_text("$${rank}", kValues), "${rank}");
  EXPECT_EQ(*expand_rank_text("$$${rank}", kValues), "$${rank}");
  EXPECT_EQ(*expand_rank_text("${run_id}", {.run_id = "${rank}"}), "${rank}") << "once";
}

TEST(RankTextTest, RefusesOtherMacros) {
  for (const char* const text : {"${env:HOME}", "${rank", "${", "${}", "a ${ranks}"}) {
    EXPECT_THAT(expand_rank_text(text, kValues).status().message(), ::testing::HasSubstr("write $${ for a plain ${"));
  }
}

}  // namespace
}  // namespace fabric
