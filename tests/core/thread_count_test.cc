#include "core/thread_count.h"

#include <gtest/gtest.h>

namespace fabric {
namespace {

TEST(ThreadCountTest, ReadsTheFirstNumber) {
  EXPECT_EQ(read_thread_count("4"), 4);
  EXPECT_EQ(read_thread_count("4,2"), 4);
  EXPECT_EQ(read_thread_count(" 4 , 2"), 4);
  EXPECT_EQ(read_thread_count("4096"), 4'096);
  for (const char* const other : {"", "x", "0", "-1", "4097", "4x", ",4", "99999999999"}) {
    EXPECT_EQ(read_thread_count(other), std::nullopt) << other;
  }
}

TEST(ThreadCountTest, TheJobsVariableComesBeforeThePlansNumber) {
  GenerationPlan plan;
  EXPECT_EQ(threads_of(plan), 0) << "not decided yet";
  plan.threads_per_rank = 3;
  EXPECT_EQ(threads_of(plan), 3);
  plan.env["OMP_NUM_THREADS"] = "5,1";
  EXPECT_EQ(threads_of(plan), 5);
  plan.env["OMP_NUM_THREADS"] = "many";
  EXPECT_EQ(threads_of(plan), 3);
}

}  // namespace
}  // namespace fabric
