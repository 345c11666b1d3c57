// A model and its optimizer, which are saved and loaded as commands on stdin say: "save PATH", "full PATH", "first-touch PATH",
// "into PATH". Each is answered by how many seconds it took. checkpoint_times.py does the same in Python.
#include <fabric/fabric.h>
#include <torch/torch.h>

#include <chrono>
#include <iostream>

namespace {

using Clock = std::chrono::steady_clock;

torch::nn::Sequential make_model(int64_t layers, int64_t width) {
  torch::nn::Sequential model;
  for (int64_t i = 0; i < layers; ++i) model->push_back(torch::nn::Linear(width, width));
  return model;
}

int train(fabric::Fabric& fabric, const fabric::Arguments& arguments) {
  auto model = fabric.setup_module(make_model(arguments.get<int64_t>("layers"), arguments.get<int64_t>("width")));
  auto optimizer = fabric.setup_optimizer(fabric::optim::AdamW(model.parameters(), 1e-3));
  for (auto& parameter : model.parameters()) parameter.mutable_grad() = torch::full_like(parameter, 1e-3);
  optimizer.step();
  optimizer.zero_grad();
  int64_t step = 1;
  fabric::State state{{"model", model}, {"optimizer", optimizer}, {"step", step}};
  std::cout << "ready" << std::endl;
  for (std::string command, path; std::cin >> command >> path;) {
    const auto started = Clock::now();
    fabric::Value loaded;
    if (command == "save") fabric.save(path, state);
    if (command == "full") loaded = fabric.load(path, fabric::Verify::kFull);
    if (command == "first-touch") loaded = fabric.load(path, fabric::Verify::kFirstTouch);
    if (command == "into") fabric.load(path, state);
    std::cout << std::chrono::duration<double>(Clock::now() - started).count() << std::endl;
  }
  return 0;
}

}  // namespace

FABRIC_PROGRAM(train)
