#include "node_probe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "support/kernel_files.h"

namespace fabric::agent {
namespace {

class NodeProbeTest : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) { kernel_.write(path, text); }

  testing::KernelFiles kernel_;
  NodeFiles files_ = kernel_.node_files();
};

TEST_F(NodeProbeTest, ReadsListsOfTheKernel) {
  EXPECT_EQ(process::numbers_in_list("0"), std::vector<int>{0});
  EXPECT_EQ(process::numbers_in_list("0-3,8"), (std::vector<int>{0, 1, 2, 3, 8}));
  EXPECT_EQ(process::numbers_in_list(""), std::vector<int>{});
  EXPECT_EQ(process::numbers_in_list("x"), std::vector<int>{});
}

TEST_F(NodeProbeTest, TakesTheLowestLimitOfAllGroupsAbove) {
  write("/proc/self/cgroup", "0::/job/step/task\n");
  write("/sys/fs/cgroup/job/memory.max", "4000\n");
  write("/sys/fs/cgroup/job/step/memory.max", "3000\n");
  write("/sys/fs/cgroup/job/step/task/memory.max", "max\n");

  EXPECT_EQ(cgroup_memory_limit(files_), 3000u);
}

TEST_F(NodeProbeTest, KnowsTheFirstVersionOfControlGroups) {
  write("/proc/self/cgroup", "9:cpu,cpuacct:/x\n7:memory:/job\n");
  write("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "5000\n");

  EXPECT_EQ(cgroup_memory_limit(files_), 5000u);
}

TEST_F(NodeProbeTest, FindsNoLimitWhereThereIsNone) {
  EXPECT_EQ(cgroup_memory_limit(files_), std::numeric_limits<uint64_t>::max());
}

TEST_F(NodeProbeTest, ReportsTheNode) {
  write("/sys/devices/system/node/has_memory", "0-1\n");
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/memory.max", "1048576\n");

  const NodeReport node = read_node(files_);

  EXPECT_EQ(node.num_numa_nodes, 2);
  EXPECT_EQ(node.memory_bytes, 1048576u);
  EXPECT_FALSE(node.affinity.empty());
  EXPECT_TRUE(std::is_sorted(node.affinity.begin(), node.affinity.end()));
}

}  // namespace
}  // namespace fabric::agent
