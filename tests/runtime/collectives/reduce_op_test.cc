#include <gmock/gmock.h>

#include "fabric/collective.h"
#include "fabric/error.h"

namespace fabric {
namespace {

TEST(ReduceOpTest, KnowsTheNamesInAnyCase) {
  EXPECT_EQ(reduce_op("sum"), ReduceOp::kSum);
  EXPECT_EQ(reduce_op("mean"), ReduceOp::kMean);
  EXPECT_EQ(reduce_op("AVG"), ReduceOp::kMean);
  EXPECT_EQ(reduce_op("Max"), ReduceOp::kMax);
  EXPECT_EQ(reduce_op("min"), ReduceOp::kMin);
  EXPECT_EQ(reduce_op("product"), ReduceOp::kProduct);
}

TEST(ReduceOpTest, ListsTheNamesForAnUnknownOne) {
  try {
    reduce_op("median");
    FAIL() << "must throw";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(),
                ::testing::AllOf(::testing::HasSubstr("'median'"), ::testing::HasSubstr("mean, min, product, sum")));
  }
}

}  // namespace
}  // namespace fabric
