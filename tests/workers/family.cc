// Trains for ever with a family around it: rank 1 has a child in its process group, a grandchild in a session of its own, and
// one that ignores SIGTERM and holds the rank's output. Nothing of it may outlive the job, whichever process is killed.

#include <fabric/fabric.h>
#include <sys/wait.h>
#include <torch/torch.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

namespace {

[[noreturn]] void wait_for_ever() {
  while (true) ::pause();
}

[[noreturn]] void live_on(const char* name) {
  std::printf("%s %d\n", name, ::getpid());
  std::fflush(stdout);
  wait_for_ever();
}

void start_child() {
  if (::fork() == 0) live_on("child");
}

void start_deaf_child() {
  if (::fork() != 0) return;
  std::signal(SIGTERM, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  live_on("deaf");
}

void start_daemon() {
  const pid_t middle = ::fork();
  if (middle == 0) {
    ::setsid();
    if (::fork() == 0) live_on("daemon");
    ::_exit(0);
  }
  ::waitpid(middle, nullptr, 0);
}

void start_family() {
  start_child();
  start_deaf_child();
  start_daemon();
}

}  // namespace

int train(fabric::Fabric& fabric, const fabric::Arguments&) {
  if (fabric.global_rank() == 1) start_family();
  auto model = fabric.setup_module(torch::nn::Linear(8, 8));
  auto optimizer = fabric.setup_optimizer(torch::optim::SGD(model.parameters(), 0.01));
  fabric::State state{{"model", model}, {"optimizer", optimizer}};
  while (true) {
    fabric.backward(model(torch::ones({2, 8})).sum());
    optimizer.step();
    optimizer.zero_grad();
    fabric.end_step(state);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}
FABRIC_PROGRAM(train);
