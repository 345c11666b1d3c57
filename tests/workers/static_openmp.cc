// Runs a parallel region of OpenMP while it is loaded, which leaves a pool of threads.

#include <atomic>

namespace {

int count_threads() {
  std::atomic<int> count{0};
#pragma omp parallel num_threads(3)
  ++count;
  return count;
}

[[maybe_unused]] const int threads = count_threads();

}  // namespace
