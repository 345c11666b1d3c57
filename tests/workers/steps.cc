// Counts steps of uneven length, in which the ranks meet in a barrier, and says at which one it was stopped.
// `args: {quiet: R}`: rank R ends no step; `{stuck: R}`: rank R stays in its tenth step for ever.

#include <fabric/fabric.h>
#include <torch/torch.h>
#include <unistd.h>

#include <cstdio>
#include <random>

namespace {

/// Says how far a rank has come when train() is left, however it is.
class LastWord {
 public:
  explicit LastWord(const fabric::Fabric& fabric) : fabric_(fabric) {}
  LastWord(const LastWord&) = delete;
  LastWord& operator=(const LastWord&) = delete;
  ~LastWord() {
    std::printf("stopped at step %lld\n", static_cast<long long>(fabric_.step()));
    std::fflush(stdout);
  }

 private:
  const fabric::Fabric& fabric_;
};

}  // namespace

int train(fabric::Fabric& fabric, const fabric::Arguments& args) {
  const int rank = fabric.global_rank();
  const bool is_quiet = args.get<int>("quiet", -1) == rank;
  const bool gets_stuck = args.get<int>("stuck", -1) == rank;
  std::mt19937 random(static_cast<unsigned>(rank) + 1);
  at::Tensor count = torch::zeros({1}, torch::kLong);
  fabric::State state{{"count", count}};
  const LastWord last_word(fabric);
  for (int step = 1;; ++step) {
    ::usleep(static_cast<useconds_t>(random() % 3'000));
    if (step % 2 == 0) fabric.barrier("step");
    if (gets_stuck && step == 10) {
      std::puts("stuck");
      std::fflush(stdout);
      while (true) ::pause();
    }
    count += 1;
    if (!is_quiet) fabric.end_step(state);
    if (step > 1) continue;
    std::puts("first step");
    std::fflush(stdout);
  }
}
FABRIC_PROGRAM(train);
