#include <gmock/gmock.h>
#include <signal.h>
#include <torch/torch.h>

#include <thread>

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/collectives/process_group.h"
#include "runtime/collectives/process_group_collective.h"
#include "support/ranks.h"

namespace fabric {
namespace {

using fabric::testing::RankEnvironment;
using fabric::testing::RankOutcome;
using fabric::testing::require;
using fabric::testing::run_ranks;
using ::testing::HasSubstr;

ProcessGroupCollective collective_of(RankEnvironment& environment,
                                     std::chrono::milliseconds timeout = std::chrono::seconds(30)) {
  const auto group = make_process_group(environment.store(), environment.global_rank(), environment.world_size(),
                                        "gloo", environment.address(), timeout);
  return ProcessGroupCollective(group, environment.store(), at::kCPU);
}

/// Runs `body` with the collective of each rank and expects all of them to return.
void expect_all_well(int world_size, const std::function<void(Collective&)>& body) {
  const auto outcomes = run_ranks(world_size, [&](RankEnvironment& environment) {
    ProcessGroupCollective collective = collective_of(environment);
    body(collective);
    return std::string();
  });
  for (const RankOutcome& outcome : outcomes) EXPECT_TRUE(outcome.ok) << outcome.text;
}

TEST(ProcessGroupCollectiveTest, ReducesInPlaceWithEveryOperation) {
  expect_all_well(3, [](Collective& collective) {
    const auto reduced = [&](ReduceOp op) {
      at::Tensor tensor = torch::full({2}, collective.rank() + 1.0);
      collective.all_reduce(tensor, op);
      return tensor[1].item<double>();
    };
    require(reduced(ReduceOp::kSum) == 6, "sum");
    require(reduced(ReduceOp::kMean) == 2, "mean");
    require(reduced(ReduceOp::kMax) == 3, "max");
    require(reduced(ReduceOp::kMin) == 1, "min");
    require(reduced(ReduceOp::kProduct) == 6, "product");
  });
}

TEST(ProcessGroupCollectiveTest, ReducesIntegersTransposedAndLeafTensors) {
  expect_all_well(2, [](Collective& collective) {
    at::Tensor integers = torch::tensor({1, 2});
    collective.all_reduce(integers, ReduceOp::kSum);
    require(torch::equal(integers, torch::tensor({2, 4})), "integers");
    at::Tensor matrix = torch::arange(6.0).view({2, 3});
    at::Tensor transposed = matrix.t();
    collective.all_reduce(transposed, ReduceOp::kSum);
    require(torch::equal(matrix, torch::arange(6.0).view({2, 3}) * 2), "the memory behind the transposed view");
    at::Tensor leaf = torch::ones({2}, torch::requires_grad());
    collective.all_reduce(leaf, ReduceOp::kMean);
    require(leaf.requires_grad() && leaf.is_leaf(), "a leaf stays one");
  });
}

TEST(ProcessGroupCollectiveTest, RefusesTheMeanOfIntegersOnEveryRank) {
  const auto outcomes = run_ranks(2, [](RankEnvironment& environment) {
    ProcessGroupCollective collective = collective_of(environment);
    at::Tensor integers = torch::tensor({1, 2});
    collective.all_reduce(integers, ReduceOp::kMean);
    return std::string();
  });

  for (const RankOutcome& outcome : outcomes)
    EXPECT_THAT(outcome.text, HasSubstr("UsageError: the mean of an integer tensor (Long)"));
}

TEST(ProcessGroupCollectiveTest, GathersInRankOrder) {
  expect_all_well(3, [](Collective& collective) {
    const at::Tensor gathered = collective.all_gather(torch::full({2}, collective.rank(), torch::kLong));
    require(torch::equal(gathered, torch::tensor({{0, 0}, {1, 1}, {2, 2}})), "vectors");
    require(collective.all_gather(torch::tensor(collective.rank() == 1)).sizes() == at::IntArrayRef({3}),
            "scalars of bools");
    require(collective.all_gather(torch::empty({0, 4})).sizes() == at::IntArrayRef({3, 0, 4}), "empty tensors");
  });
}

TEST(ProcessGroupCollectiveTest, BroadcastsTensorsOfAnyDtypeAndLayout) {
  expect_all_well(3, [](Collective& collective) {
    at::Tensor flags = torch::full({5}, collective.rank() == 2);
    collective.broadcast(flags, 2);
    require(flags.all().item<bool>(), "bools");
    at::Tensor transposed = torch::full({2, 3}, collective.rank(), torch::kDouble).t();
    collective.broadcast(transposed, 1);
    require(torch::equal(transposed, torch::ones({3, 2}, torch::kDouble)), "a transposed tensor");
  });
}

TEST(ProcessGroupCollectiveTest, BroadcastsTreesOfValues) {
  expect_all_well(2, [](Collective& collective) {
    Value mine;
    if (collective.rank() == 1) mine = Dict{{"epoch", 3}, {"weights", torch::ones({4})}, {"names", List{"a", "b"}}};
    const Value got = collective.broadcast(mine, 1);
    require(got.at("epoch").to_int() == 3, "an integer");
    require(torch::equal(got.at("weights").to_tensor(), torch::ones({4})), "a tensor");
    require(got.at("names").to_list()[1].to_string() == "b", "a list");
  });
}

TEST(ProcessGroupCollectiveTest, PassesManyBarriers) {
  expect_all_well(2, [](Collective& collective) {
    for (int i = 0; i < 20; ++i) collective.barrier("again");
    collective.barrier("");
  });
}

TEST(ProcessGroupCollectiveTest, NamesTheBarrierAndTheRankThatDoesNotCome) {
  const auto outcomes = run_ranks(3, [](RankEnvironment& environment) {
    ProcessGroupCollective collective = collective_of(environment, std::chrono::milliseconds(1'000));
    if (environment.global_rank() == 2) {
      std::this_thread::sleep_for(std::chrono::seconds(3));
    } else {
      collective.barrier("before training");
    }
    return std::string();
  });

  EXPECT_TRUE(outcomes[2].ok);
  for (int rank : {0, 1}) {
    EXPECT_THAT(outcomes[static_cast<size_t>(rank)].text,
                HasSubstr("PeerError: barrier 'before training' failed: rank 2 of 3 has not come"));
  }
}

TEST(ProcessGroupCollectiveTest, ReportsARankThatDiesInsteadOfWaiting) {
  const auto start = std::chrono::steady_clock::now();
  const auto outcomes = run_ranks(2, [](RankEnvironment& environment) {
    ProcessGroupCollective collective = collective_of(environment);
    at::Tensor tensor = torch::ones({1000});
    collective.all_reduce(tensor, ReduceOp::kSum);
    if (environment.global_rank() == 1) ::raise(SIGKILL);
    for (int i = 0; i < 2; ++i) collective.all_reduce(tensor, ReduceOp::kSum);
    return std::string();
  });

  EXPECT_EQ(outcomes[1].signal, SIGKILL);
  EXPECT_THAT(outcomes[0].text, HasSubstr("PeerError: all_reduce failed, because another rank left or did not come"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(15));
}

}  // namespace
}  // namespace fabric
