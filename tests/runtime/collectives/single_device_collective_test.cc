#include <gtest/gtest.h>
#include <torch/torch.h>

#include "fabric/error.h"
#include "runtime/collectives/single_device_collective.h"

namespace fabric {
namespace {

TEST(SingleDeviceCollectiveTest, LeavesWhatItReducesAsItIs) {
  SingleDeviceCollective collective;
  at::Tensor tensor = torch::tensor({1.0, 2.0});

  collective.all_reduce(tensor, ReduceOp::kMean);

  EXPECT_TRUE(torch::equal(tensor, torch::tensor({1.0, 2.0})));
}

TEST(SingleDeviceCollectiveTest, GathersWithALeadingDimensionOfOne) {
  SingleDeviceCollective collective;

  const at::Tensor gathered = collective.all_gather(torch::ones({2, 3}));

  EXPECT_EQ(gathered.sizes(), at::IntArrayRef({1, 2, 3}));
}

TEST(SingleDeviceCollectiveTest, RefusesWhatManyRanksWouldRefuse) {
  SingleDeviceCollective collective;
  at::Tensor integers = torch::tensor({1, 2});

  EXPECT_THROW(collective.all_reduce(integers, ReduceOp::kMean), UsageError);
  EXPECT_THROW(collective.broadcast(integers, 1), UsageError);
}

}  // namespace
}  // namespace fabric
