// Misbehaves in one way: `args: {fault: NAME, rank: R}`. Rank R alone does, while the others wait in a barrier, as ranks do
// in training. Functions have telling names, because a report must contain them.

#include <fabric/fabric.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <torch/torch.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

struct NoException {};

[[gnu::noinline]] void throw_runtime_error() { throw std::runtime_error("the batch must be finite, but is not"); }
[[gnu::noinline]] void throw_int() { throw 42; }
[[gnu::noinline]] void throw_no_exception() { throw NoException{}; }
[[gnu::noinline]] void throw_usage_error() { throw fabric::UsageError("epochs must be positive, but is -1"); }
[[gnu::noinline]] void multiply_wrong_shapes() { torch::mm(torch::zeros({2, 3}), torch::zeros({2, 3})); }

[[gnu::noinline]] void throw_nested() {
  try {
    throw_runtime_error();
  } catch (...) {
    std::throw_with_nested(std::logic_error("cannot train"));
  }
}

[[gnu::noinline]] void throw_in_a_thread() {
  std::thread([] { throw_runtime_error(); }).join();
}

[[gnu::noinline]] void throw_from_noexcept() noexcept { throw_runtime_error(); }

[[gnu::noinline]] void write_to_address_zero() {
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
}

[[gnu::noinline]] void divide_by_zero() {
  volatile int one = 1, zero = 0;
  volatile int quotient = one / zero;
  static_cast<void>(quotient);
}

[[gnu::noinline]] int overflow_the_stack(int depth) {
  volatile char page[4096];
  page[0] = static_cast<char>(depth);
  return depth < 0 ? 0 : overflow_the_stack(depth + 1) + page[0];
}

[[gnu::noinline]] void abort_on_purpose() { std::abort(); }

[[noreturn]] void wait_for_ever() {
  while (true) ::pause();
}

void ignore_sigterm() {
  std::signal(SIGTERM, SIG_IGN);
  std::puts("deaf");
  std::fflush(stdout);
  wait_for_ever();
}

/// A process that outlives its parent, in a session of its own: killing the rank's process group does not reach it.
void leave_a_grandchild() {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  char name[] = "sleep", seconds[] = "1000";
  char* const arguments[] = {name, seconds, nullptr};
  pid_t pid = 0;
  if (posix_spawn(&pid, "/bin/sleep", nullptr, &attributes, arguments, nullptr) != 0) std::abort();
  std::printf("grandchild %d\n", pid);
}

void print_many_lines() {
  for (int i = 0; i < 100'000; ++i) std::printf("line %d of many\n", i);
}

[[gnu::noinline]] void crash_in_a_thread() { std::thread(write_to_address_zero).join(); }

[[gnu::noinline]] void overflow_in_a_thread() {
  std::thread([] { std::printf("%d\n", overflow_the_stack(0)); }).join();
}

void forget_to_join() { const std::thread thread(wait_for_ever); }

/// What a rank must not do without a trace: end while the others still need it, with a code of its own.
[[gnu::noinline]] void leave_with_code_3() { std::exit(3); }
[[gnu::noinline]] void leave_with_code_300() { std::exit(300); }
[[gnu::noinline]] void leave_as_if_all_were_well() { ::_exit(0); }

void kill_itself() { ::raise(SIGKILL); }

/// Lets this process have 256 MiB more of address space than it has.
void limit_memory() {
  long pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t bytes = static_cast<rlim_t>(pages) * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (256UL << 20);
  const rlimit limit{bytes, bytes};
  ::setrlimit(RLIMIT_AS, &limit);
}

constexpr int64_t kTooMuch = int64_t{1} << 30;

[[gnu::noinline]] void allocate_too_much() {
  limit_memory();
  std::printf("%zu\n", std::string(kTooMuch, 'x').size());
}

[[gnu::noinline]] void make_too_large_a_tensor() {
  limit_memory();
  torch::zeros({kTooMuch});
}

/// Uses 2 GiB, which is more than it will get.
void eat_memory() {
  constexpr size_t kMegabyte = size_t{1} << 20;
  for (int i = 0; i < 2048; ++i) {
    void* const memory = ::mmap(nullptr, kMegabyte, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(memory, 1, kMegabyte);
  }
  throw_runtime_error();
}

/// A process of which each has a session of its own and makes two more, until there are as many as they may be.
struct ForkBomb {
  static constexpr int kMaxProcesses = 200;
  std::atomic<int> count{0};
};

void multiply(ForkBomb& bomb) {
  for (int i = 0; i < 2 && bomb.count.fetch_add(1) < ForkBomb::kMaxProcesses; ++i) {
    if (::fork() == 0) {
      ::setsid();
      std::signal(SIGTERM, SIG_IGN);
      multiply(bomb);
      wait_for_ever();
    }
  }
}

void explode() {
  void* const memory = ::mmap(nullptr, sizeof(ForkBomb), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* const bomb = new (memory) ForkBomb;
  multiply(*bomb);
  while (bomb->count < ForkBomb::kMaxProcesses) ::usleep(1000);
  throw_runtime_error();
}

/// A process that crashes, and whose parent goes on.
void let_a_child_crash() {
  const pid_t pid = ::fork();
  if (pid == 0) write_to_address_zero();
  ::waitpid(pid, nullptr, 0);
}

void let_a_child_exit() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
}

void close_stdout() {
  ::close(STDOUT_FILENO);
  std::puts("nobody reads this");
}

/// 100 MB without a line end, and then an exception.
void write_a_long_line() {
  const std::string megabyte(1'000'000, 'x');
  for (int i = 0; i < 100; ++i) std::fwrite(megabyte.data(), 1, megabyte.size(), stdout);
  throw_runtime_error();
}

using Fault = void (*)();

Fault fault_called(const std::string& name) {
  static const std::map<std::string, Fault> faults = {
      {"none", [] {}},
      {"runtime_error", throw_runtime_error},
      {"int", throw_int},
      {"no_exception", throw_no_exception},
      {"usage_error", throw_usage_error},
      {"torch_error", multiply_wrong_shapes},
      {"nested", throw_nested},
      {"thread", throw_in_a_thread},
      {"noexcept", throw_from_noexcept},
      {"segfault", write_to_address_zero},
      {"divide", divide_by_zero},
      {"overflow", [] { std::printf("%d\n", overflow_the_stack(0)); }},
      {"abort", abort_on_purpose},
      {"terminate", forget_to_join},
      {"thread_segfault", crash_in_a_thread},
      {"thread_overflow", overflow_in_a_thread},
      {"exit", leave_with_code_3},
      {"exit300", leave_with_code_300},
      {"leave", leave_as_if_all_were_well},
      {"kill", kill_itself},
      {"memory", allocate_too_much},
      {"tensor", make_too_large_a_tensor},
      {"eat_memory", eat_memory},
      {"fork_bomb", explode},
      {"child_crash", let_a_child_crash},
      {"child_exit", let_a_child_exit},
      {"close_stdout", close_stdout},
      {"long_line", write_a_long_line},
      {"hang", wait_for_ever},
      {"deaf", ignore_sigterm},
      {"grandchild", leave_a_grandchild},
      {"flood", print_many_lines},
  };
  const auto found = faults.find(name);
  if (found == faults.end()) throw fabric::UsageError("there is no fault '" + name + "'");
  return found->second;
}

}  // namespace

int train(fabric::Fabric& fabric, const fabric::Arguments& args) {
  constexpr rlimit kNone{0, 0};
  ::setrlimit(RLIMIT_CORE, &kNone);  // these crashes are wanted
  auto sum = torch::ones({4});
  fabric.all_reduce(sum, "sum");
  if (sum.sum().item<int>() != 4 * fabric.world_size()) throw std::logic_error("the all_reduce is wrong");
  fabric::State state{};
  for (int i = 0; i < args.get<int>("steps", 0); ++i) fabric.end_step(state);

  if (fabric.global_rank() == args.get<int>("rank", 0)) fault_called(args.get("fault"))();
  fabric.barrier("the end");
  fabric.print("all ", fabric.world_size(), " ranks came to the end");
  return args.get<int>("code", 0);
}
FABRIC_PROGRAM(train);
