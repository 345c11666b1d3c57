#include <ATen/Parallel.h>
#include <gtest/gtest.h>

// One thread, before any operator: run_ranks() forks, and a child of a process with OpenMP threads hangs in its first
// parallel region.
int main(int argc, char** argv) {
  at::set_num_threads(1);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
