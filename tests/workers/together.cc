// Two ranks that fail one after the other within a millisecond, in each generation anew:
// `args: {first: FAULT, second: FAULT, board: FILE}`. The board says which one really was first.

#include <fabric/fabric.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <torch/torch.h>
#include <unistd.h>

#include <ctime>
#include <stdexcept>
#include <string>

#include "support/failure_board.h"

namespace {

using fabric::testing::FailureBoard;

FailureBoard& open_board(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  void* const memory = ::mmap(nullptr, sizeof(FailureBoard), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("the board must be a file, but is not");
  return *static_cast<FailureBoard*>(memory);
}

int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

/// Sleeps as long as that is exact enough, and then looks at the clock.
void wait_until(int64_t time_ns) {
  constexpr int64_t kSleepIsLate = 2'000'000;
  if (const int64_t left = time_ns - kSleepIsLate - now_ns(); left > 0) ::usleep(static_cast<useconds_t>(left / 1000));
  while (now_ns() < time_ns) {
  }
}

[[gnu::noinline]] void write_to_address_zero() {
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

[[gnu::noinline]] void fail(const std::string& fault) {
  if (fault == "exit") ::_exit(7);
  if (fault == "crash") write_to_address_zero();
  throw std::runtime_error("both were to fail");
}

}  // namespace

int train(fabric::Fabric& fabric, const fabric::Arguments& args) {
  constexpr rlimit kNone{0, 0};
  ::setrlimit(RLIMIT_CORE, &kNone);  // these crashes are wanted
  FailureBoard& board = open_board(args.get("board"));
  const std::string faults[] = {args.get("first"), args.get("second")};
  const int rank = fabric.global_rank();

  auto plan = torch::zeros({2}, torch::kLong);  // the round, and when the first one fails
  if (rank == 0) {
    constexpr int64_t kLead = 20'000'000;
    plan[0] = board.num_rounds++;
    plan[1] = now_ns() + kLead;
  }
  fabric.all_reduce(plan, "sum");
  const auto round = plan[0].item<int64_t>();
  fabric::State state{};
  for (int64_t step = 0; step <= round; ++step) fabric.end_step(state);  // one more than ever before

  const bool is_second = rank != round % 2;
  const int64_t gap = is_second ? 300'000 + round * 30'000 : 0;  // 0.3 ms to 0.9 ms
  wait_until(plan[1].item<int64_t>() + gap);
  board.failed_at[round][rank] = now_ns();
  fail(faults[is_second ? 1 : 0]);
  return 0;
}
FABRIC_PROGRAM(train);
