// Is killed and comes back, `args: {times: N}` times: each life goes one step further than the one before, and then rank
// `rank` kills itself. The last one ends well.

#include <fabric/fabric.h>
#include <torch/torch.h>
#include <unistd.h>

#include <csignal>

int train(fabric::Fabric& fabric, const fabric::Arguments& args) {
  auto model = fabric.setup_module(torch::nn::Linear(8, 8));
  auto optimizer = fabric.setup_optimizer(torch::optim::SGD(model.parameters(), 0.01));
  fabric::State state{{"model", model}, {"optimizer", optimizer}};
  const int life = fabric.restart_count();
  fabric.backward(model(torch::ones({2, 8})).sum());
  optimizer.step();
  for (int step = 0; step <= life; ++step) fabric.end_step(state);  // without work: the thousandth life has many
  fabric.print("life ", life, " on ", fabric.world_size(), " ranks");
  if (life < args.get<int>("times") && fabric.global_rank() == args.get<int>("rank", 1)) ::kill(::getpid(), SIGKILL);
  fabric.barrier("the end");
  return 0;
}
FABRIC_PROGRAM(train);
