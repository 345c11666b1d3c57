// One all_reduce and nothing else: what remains is the cost of starting and ending the ranks. `hold_seconds` keeps them for
// that long after it, so that the memory of the processes around them can be read. all_reduce_once.py does the same.

#include <fabric/fabric.h>

#include <chrono>
#include <thread>

int train(fabric::Fabric& fabric, const fabric::Arguments& args) {
  at::Tensor sum = at::ones({4});
  fabric.all_reduce(sum, "sum");
  fabric::State state{};
  fabric.end_step(state);
  fabric.print("sum ", sum[0].item<double>());
  std::this_thread::sleep_for(std::chrono::seconds(args.get<int>("hold_seconds", 0)));
  return 0;
}
FABRIC_PROGRAM(train);
