// Fills a tensor with the number of each step and says where it went on. `args: {steps: N}`: ends after so many; `{elements: E}`:
// so many in the tensor; `{fails_at: S, failing: R}`: rank R kills itself in the middle of that step, in the first generation.

#include <fabric/fabric.h>
#include <signal.h>
#include <torch/torch.h>

#include <stdexcept>

int train(fabric::Fabric& fabric, const fabric::Arguments& args) {
  const auto steps = args.get<int64_t>("steps");
  const auto fails_at = args.get<int64_t>("fails_at", -1);
  at::Tensor filled = torch::zeros({args.get<int64_t>("elements", 4)});
  at::Tensor scale = torch::ones({1}), noise = torch::zeros({1});
  fabric::State state{{"filled", filled}, {"noise", noise}};
  fabric.seed_everything(5);

  const fabric::Resumed resumed = fabric.resume(state);
  fabric.print("resumed ", resumed.step, " lost ", resumed.steps_lost);
  if ((filled != static_cast<double>(resumed.step)).any().item<bool>()) {
    throw std::runtime_error("the tensor must be that of the step");
  }
  while (fabric.step() < steps) {
    if (fabric.step() + 1 == fails_at && fabric.restart_count() == 0 &&
        fabric.global_rank() == args.get<int>("failing", 0)) {
      ::raise(SIGKILL);
    }
    filled.fill_(static_cast<double>(fabric.step() + 1));
    noise += torch::rand({1});
    fabric.all_reduce(scale);  // ranks go in step
    fabric.end_step(state);
  }
  fabric.all_reduce(noise);
  fabric.print("noise ", noise.item<double>());
  return 0;
}
FABRIC_PROGRAM(train);
