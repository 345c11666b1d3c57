// Trains a small module on all ranks until, at the end of the fifth step, rank 1 kills itself; once started again each rank
// does one step. Both moments go to the file that `marks` names, in nanoseconds of CLOCK_MONOTONIC. kill_one_rank.py does
// the same.

#include <fabric/fabric.h>
#include <time.h>
#include <torch/torch.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <string>

namespace {

constexpr int kStepsBeforeTheKill = 5;

void mark(const std::string& path, const std::string& what) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  std::ostringstream line;
  line << what << ' ' << now.tv_sec * 1'000'000'000 + now.tv_nsec << '\n';
  std::ofstream(path, std::ios::app) << line.str();
}

}  // namespace

int train(fabric::Fabric& fabric, const fabric::Arguments& args) {
  const std::string marks = args.get("marks");
  const bool was_killed = std::ifstream(marks).good();
  fabric.seed_everything(1);
  auto model = fabric.setup_module(torch::nn::Linear(64, 64));
  auto optimizer = fabric.setup_optimizer(torch::optim::SGD(model.parameters(), 0.01));
  fabric::State state{{"model", model}, {"optimizer", optimizer}};
  for (int step = 1;; ++step) {
    fabric.backward(model(torch::randn({8, 64})).pow(2).mean());
    optimizer.step();
    optimizer.zero_grad();
    fabric.end_step(state);
    if (was_killed) break;
    if (step == kStepsBeforeTheKill && fabric.global_rank() == 1) {
      mark(marks, "killed");
      ::kill(::getpid(), SIGKILL);
    }
  }
  mark(marks, "stepped");
  fabric.barrier("the end");
  fabric.print("went on");
  return 0;
}
FABRIC_PROGRAM(train);
