#include "memory_killer.h"

#include <gtest/gtest.h>

#include "support/kernel_files.h"

namespace fabric::agent {
namespace {

class MemoryKillerTest : public ::testing::Test {
 protected:
  std::string evidence(bool was_killed = true) {
    return new_memory_kills(before_, read_memory_kills(files_.node_files()), files_.node_files(), was_killed);
  }
  void remember() { before_ = read_memory_kills(files_.node_files()); }

  testing::KernelFiles files_;
  MemoryKills before_;
};

TEST_F(MemoryKillerTest, NamesTheGroupWhoseCountHasRisenAndItsLimit) {
  files_.write("/proc/self/cgroup", "0::/job/step\n");
  files_.write("/sys/fs/cgroup/job/memory.max", "536870912\n");
  files_.write("/sys/fs/cgroup/job/step/memory.events", "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\noom_group_kill 0\n");
  remember();
  EXPECT_EQ(evidence(), "");

  files_.write("/sys/fs/cgroup/job/step/memory.events", "low 0\nhigh 0\nmax 9\noom 2\noom_kill 3\noom_group_kill 0\n");

  EXPECT_EQ(evidence(), "the kernel's memory killer ended 2 processes of cgroup /job/step (limit 512 MiB)");
  EXPECT_EQ(evidence(false), evidence(true));
}

TEST_F(MemoryKillerTest, SeesAGroupAboveWhereTheOwnOneIsHidden) {
  files_.write("/proc/self/cgroup", "0::/docker/123\n");
  files_.write("/sys/fs/cgroup/memory.events", "oom_kill 0\n");
  remember();

  files_.write("/sys/fs/cgroup/memory.events", "oom_kill 1\n");

  EXPECT_EQ(evidence(), "the kernel's memory killer ended 1 process of cgroup /");
}

TEST_F(MemoryKillerTest, KnowsTheFirstVersionOfControlGroups) {
  files_.write("/proc/self/cgroup", "7:memory:/job\n");
  files_.write("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1048576\n");
  files_.write("/sys/fs/cgroup/memory/job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
  remember();

  files_.write("/sys/fs/cgroup/memory/job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");

  EXPECT_EQ(evidence(), "the kernel's memory killer ended 1 process of cgroup /job (limit 1 MiB)");
}

TEST_F(MemoryKillerTest, TheCountOfTheMachineSaysSomethingOfAProcessThatWasKilledOnly) {
  files_.write("/proc/vmstat", "nr_free_pages 1\noom_kill 4\n");
  remember();

  files_.write("/proc/vmstat", "nr_free_pages 1\noom_kill 5\n");

  EXPECT_EQ(evidence(true), "the kernel's memory killer ended 1 process of this machine");
  EXPECT_EQ(evidence(false), "");
}

TEST_F(MemoryKillerTest, FindsNothingWhereTheKernelTellsNothing) { EXPECT_EQ(evidence(), ""); }

}  // namespace
}  // namespace fabric::agent
