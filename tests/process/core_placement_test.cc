#include "process/core_placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>

#include "core/concat.h"
#include "support/temporary_directory.h"

namespace fabric::process {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using CpuSets = std::vector<std::vector<int>>;

const std::vector<int> kNoWish = {-1};

std::vector<int> ranks_without_wish(size_t count) { return std::vector<int>(count, -1); }

std::vector<int> first(int count) {
  std::vector<int> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

CpuSets cpus_of(const CorePlacement& placement) {
  CpuSets sets;
  for (const RankCores& rank : placement.ranks) sets.push_back(rank.cpus);
  return sets;
}

std::vector<int> shares_of(const CorePlacement& placement) {
  std::vector<int> shares;
  for (const RankCores& rank : placement.ranks) shares.push_back(rank.num_cores);
  return shares;
}

/// A tree as /sys for machines whose CPUs are numbered as Linux does it: the first hyper-threads of all cores, node by node,
/// then the second ones.
class CorePlacementTest : public ::testing::Test {
 protected:
  std::vector<Cpu> machine(int nodes, int cores_per_node, int threads_per_core, const std::vector<int>& allowed) {
    const int cores = nodes * cores_per_node;
    write("node/online", concat("0-", nodes - 1));
    for (int node = 0; node < nodes; ++node) {
      std::string list;
      for (int thread = 0; thread < threads_per_core; ++thread) {
        const int begin = thread * cores + node * cores_per_node;
        list += concat(thread == 0 ? "" : ",", begin, "-", begin + cores_per_node - 1);
      }
      write(concat("node/node", node, "/cpulist"), list);
    }
    for (int core = 0; core < cores; ++core) {
      std::string siblings;
      for (int thread = 0; thread < threads_per_core; ++thread)
        siblings += concat(thread == 0 ? "" : ",", thread * cores + core);
      for (int thread = 0; thread < threads_per_core; ++thread)
        write(concat("cpu/cpu", thread * cores + core, "/topology/thread_siblings_list"), siblings);
    }
    return read_topology({"/nowhere", root_.path().string()}, allowed);
  }

 private:
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_.path() / "devices/system" / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << '\n';
  }

  testing::TemporaryDirectory root_;
};

TEST_F(CorePlacementTest, SharesTheCoresOfOneSocketOutEvenlyAndInOrder) {
  const std::vector<Cpu> cpus = machine(1, 8, 1, first(8));

  const CorePlacement two = place_on_cores(cpus, Binding::kCores, ranks_without_wish(2));
  const CorePlacement three = place_on_cores(cpus, Binding::kCores, ranks_without_wish(3));

  EXPECT_EQ(cpus_of(two), (CpuSets{{0, 1, 2, 3}, {4, 5, 6, 7}}));
  EXPECT_EQ(cpus_of(three), (CpuSets{{0, 1}, {2, 3}, {4, 5}}));
  EXPECT_THAT(shares_of(three), ElementsAre(2, 2, 2));
  EXPECT_THAT(two.warning, IsEmpty());
}

TEST_F(CorePlacementTest, GivesWholeCoresWithAllTheirHyperThreads) {
  const std::vector<Cpu> cpus = machine(2, 4, 2, first(16));

  const CorePlacement placement = place_on_cores(cpus, Binding::kCores, ranks_without_wish(4));

  EXPECT_EQ(cpus_of(placement), (CpuSets{{0, 1, 8, 9}, {2, 3, 10, 11}, {4, 5, 12, 13}, {6, 7, 14, 15}}));
  EXPECT_THAT(shares_of(placement), ElementsAre(2, 2, 2, 2)) << "hyper-threads do not count";
}

TEST_F(CorePlacementTest, LeavesCoresIdleRatherThanLettingARankStraddleTwoNodes) {
  const std::vector<Cpu> cpus = machine(2, 5, 1, first(10));

  const CorePlacement placement = place_on_cores(cpus, Binding::kCores, ranks_without_wish(4));

  EXPECT_EQ(cpus_of(placement), (CpuSets{{0, 1}, {2, 3}, {5, 6}, {7, 8}}));
}

TEST_F(CorePlacementTest, LetsOnlyTheRankStraddleForWhichNoNodeHasEnoughLeft) {
  const std::vector<Cpu> cpus = machine(2, 3, 1, first(6));

  const CorePlacement placement = place_on_cores(cpus, Binding::kCores, ranks_without_wish(3));

  EXPECT_EQ(cpus_of(placement), (CpuSets{{0, 1}, {3, 4}, {2, 5}}));
}

TEST_F(CorePlacementTest, UsesOnlyWhatACpusetWithHolesAllows) {
  const std::vector<Cpu> cpus = machine(2, 4, 2, {1, 2, 3, 8, 13});  // of core 0 the second thread, of node 1 one core

  const CorePlacement placement = place_on_cores(cpus, Binding::kCores, ranks_without_wish(2));

  EXPECT_EQ(cpus_of(placement), (CpuSets{{1, 8}, {2, 3}}));
}

TEST_F(CorePlacementTest, LetsRanksShareWhereThereAreMoreRanksThanCores) {
  const std::vector<Cpu> cpus = machine(1, 2, 2, first(4));

  const CorePlacement placement = place_on_cores(cpus, Binding::kCores, ranks_without_wish(3));

  EXPECT_EQ(cpus_of(placement), (CpuSets{{0, 2}, {1, 3}, {0, 2}}));
  EXPECT_THAT(shares_of(placement), ElementsAre(1, 1, 1));
  EXPECT_THAT(placement.warning, HasSubstr("3 ranks share 2"));
}

TEST_F(CorePlacementTest, GivesCoresNearTheAcceleratorOnTheOtherNode) {
  const std::vector<Cpu> cpus = machine(2, 4, 1, first(8));

  const CorePlacement placement = place_on_cores(cpus, Binding::kCores, {1, 1, 1, -1});

  EXPECT_EQ(cpus_of(placement), (CpuSets{{4, 5}, {6, 7}, {0, 1}, {2, 3}})) << "the third finds its node taken";
}

TEST_F(CorePlacementTest, SpreadsRanksOverNumaNodes) {
  const std::vector<Cpu> cpus = machine(2, 2, 2, first(8));

  const CorePlacement placement = place_on_cores(cpus, Binding::kNuma, ranks_without_wish(3));

  EXPECT_EQ(cpus_of(placement), (CpuSets{{0, 1, 4, 5}, {0, 1, 4, 5}, {2, 3, 6, 7}}));
  EXPECT_THAT(shares_of(placement), ElementsAre(1, 1, 2)) << "two ranks share the first node";
}

TEST_F(CorePlacementTest, PutsRanksOnTheNodeOfTheirAccelerators) {
  const std::vector<Cpu> cpus = machine(2, 4, 1, first(8));

  const CorePlacement placement = place_on_cores(cpus, Binding::kNuma, {1, 1});

  EXPECT_EQ(cpus_of(placement), (CpuSets{{4, 5, 6, 7}, {4, 5, 6, 7}}));
  EXPECT_THAT(shares_of(placement), ElementsAre(2, 2));
  EXPECT_THAT(placement.warning, IsEmpty());
}

TEST_F(CorePlacementTest, SaysThatTheNodeOfAnAcceleratorMayNotBeUsed) {
  const std::vector<Cpu> cpus = machine(2, 4, 1, first(4));

  const CorePlacement placement = place_on_cores(cpus, Binding::kNuma, {1});

  EXPECT_EQ(cpus_of(placement), (CpuSets{{0, 1, 2, 3}}));
  EXPECT_THAT(placement.warning, HasSubstr("NUMA node 1"));
}

TEST_F(CorePlacementTest, BindsNothingUnlessAskedTo) {
  const std::vector<Cpu> cpus = machine(1, 8, 1, first(8));

  const CorePlacement placement = place_on_cores(cpus, Binding::kNone, ranks_without_wish(3));

  EXPECT_EQ(cpus_of(placement), (CpuSets{{}, {}, {}}));
  EXPECT_THAT(shares_of(placement), ElementsAre(2, 2, 2));
}

TEST_F(CorePlacementTest, TakesEachCpuForACoreWhereTheKernelTellsNothing) {
  const std::vector<Cpu> cpus = read_topology({"/nowhere", "/nowhere"}, {3, 7});

  const CorePlacement placement = place_on_cores(cpus, Binding::kCores, ranks_without_wish(2));

  EXPECT_EQ(cpus_of(placement), (CpuSets{{3}, {7}}));
}

TEST_F(CorePlacementTest, BindsNothingWhereNoCpuIsKnown) {
  for (const Binding binding : {Binding::kNone, Binding::kCores, Binding::kNuma}) {
    const CorePlacement placement = place_on_cores({}, binding, kNoWish);

    EXPECT_EQ(cpus_of(placement), CpuSets{{}});
    EXPECT_THAT(shares_of(placement), ElementsAre(1));
  }
}

TEST(WantedNodesTest, AreThoseOfTheAcceleratorsThatRanksUse) {
  const std::vector<AcceleratorReport> accelerators = {{"cuda", 0, "a", 1, 1}, {"cuda", 1, "b", 1, -1}};
  GenerationPlan plan;
  plan.local_world_size = 3;
  plan.uses_accelerators = true;

  EXPECT_THAT(wanted_nodes(plan, accelerators), ElementsAre(1, -1, -1));
  plan.env["CUDA_VISIBLE_DEVICES"] = "1,0";
  EXPECT_THAT(wanted_nodes(plan, accelerators), ElementsAre(-1, -1, -1)) << "the numbers are others then";
  plan.env.clear();
  plan.uses_accelerators = false;
  EXPECT_THAT(wanted_nodes(plan, accelerators), ElementsAre(-1, -1, -1));
}

}  // namespace
}  // namespace fabric::process
