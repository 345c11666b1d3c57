// Stands for fabric-worker in tests of the agent: does what PROGRAM_MODE says, or PROGRAM_MODE_<local rank>; as --forkserver it
// forks ranks as the real one does, or misbehaves as FORK_SERVER_MODE says.

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

#include "core/process_setup.h"
#include "frames/codec.h"
#include "frames/descriptor_packet.h"
#include "frames/frame_buffer.h"
#include "frames/messages.h"

// A rank ends as the kernel ends it, and may leave a core; a sanitizer would have it otherwise.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" [[gnu::visibility("default")]] const char* __asan_default_options() {
  return "handle_segv=0:disable_coredump=0";
}
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" [[gnu::visibility("default")]] const char* __tsan_default_options() {
  return "handle_segv=0:disable_coredump=0";
}

namespace fabric::agent {
namespace {

constexpr int kAgentFd = 3;
constexpr int kCrashFd = 4;

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) ::_exit(90);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void say(const frames::WorkerMessage& message) { write_all(kAgentFd, frames::frame_of(frames::encode(message))); }

frames::SupervisorMessage hear() {
  static frames::FrameBuffer buffer;
  for (;;) {
    const auto payload = buffer.next();
    if (!payload.ok()) ::_exit(91);
    if (payload->has_value()) return std::move(*frames::decode<frames::SupervisorMessage>(**payload));
    std::array<char, 4096> bytes;
    const ssize_t got = ::read(kAgentFd, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;  // ThreadSanitizer's signal() restarts no call
    if (got <= 0) ::_exit(92);
    buffer.feed({bytes.data(), static_cast<size_t>(got)});
  }
}

std::string mode_of(const char* name, const std::string& otherwise) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

[[noreturn]] void wait_forever() {
  for (;;) ::pause();
}

/// Ends as a worker whose train() has returned.
[[noreturn]] void finish(int code) {
  say(frames::WorkerReturned{code});
  ::_exit(code);
}

std::string now() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return std::to_string(time.tv_sec * 1'000'000'000 + time.tv_nsec);
}

/// Begins to describe a failure, and says so in a step, but does not come to its end.
[[noreturn]] void describe_for_ever(bool is_crash) {
  if (is_crash)
    write_all(kCrashFd, "time " + now() + "\nsignal 11 (segmentation fault) at address 0x0\n");
  else
    say(frames::WorkerFailure{"std::runtime_error", "no data", "", std::stoll(now())});
  say(frames::WorkerStep{1});
  wait_forever();
}

/// What the kernel's memory killer does, with a file of the test's in place of the kernel's counter.
[[noreturn]] void want_memory() {
  std::ofstream(mode_of("MEMORY_EVENTS", "")) << "oom_kill 1\n";
  ::raise(SIGKILL);
  wait_forever();
}

[[noreturn]] void dump_core() {
  const rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_CORE, &limit) != 0) ::_exit(97);
  std::abort();
}

/// Waits as a rank does whose reader thread answers while its program is busy; `steps` is how many it has ended.
[[noreturn]] void be_busy(int64_t steps = 0) {
  for (;;) {
    const auto message = hear();
    if (std::holds_alternative<frames::StepQuery>(message)) say(frames::WorkerReached{steps > 0 ? steps + 1 : -1});
    const auto* const limit = std::get_if<frames::StepLimit>(&message);
    if (limit == nullptr || limit->step == frames::kNoStepLimit) continue;
    say(frames::WorkerStep{limit->step});
    finish(75);
  }
}

/// Waits for the end of its steps, and takes no notice of SIGTERM before.
[[noreturn]] void hold() {
  ::signal(SIGTERM, SIG_IGN);
  hear();
  say(frames::WorkerReached{5});
  const auto message = hear();
  const auto* const limit = std::get_if<frames::StepLimit>(&message);
  if (limit == nullptr || limit->step != frames::kNoStepLimit) ::_exit(93);
  write_all(STDOUT_FILENO, "let go\n");
  finish(0);
}

void print_signal(int number) {
  std::array<char, 16> digits;
  const char* const end = std::to_chars(digits.begin(), digits.end(), number).ptr;
  write_all(STDOUT_FILENO, "got signal ");
  write_all(STDOUT_FILENO, {digits.data(), static_cast<size_t>(end - digits.data())});
  write_all(STDOUT_FILENO, "\n");
}

[[noreturn]] void leave_grandchild(int code) {
  int ends[2];
  if (::pipe(ends) != 0) ::_exit(95);
  if (::fork() == 0) {
    ::setsid();
    ::signal(SIGTERM, SIG_IGN);
    std::printf("grandchild %d\n", ::getpid());
    std::fflush(stdout);
    write_all(ends[1], "x");
    wait_forever();  // and holds the pipes
  }
  char byte = 0;
  finish(::read(ends[0], &byte, 1) == 1 ? code : 96);  // not before it has left the group, which dies with this process
}

[[noreturn]] void crash() {
  write_all(kCrashFd, "./model.so(_ZN3net7forwardEi+0x1f) [0x1234]\n/lib/libc.so.6(+0x23d0a) [0x5678]\n");
  std::fputs("about to crash\n", stderr);
  ::prctl(PR_SET_DUMPABLE, 0);  // no core files from tests
  std::abort();
}

[[noreturn]] void flood() {
  const std::string line(79, 'x');
  std::string block;
  for (int i = 0; i < 1000; ++i) block += line + '\n';
  for (int i = 0; i < 200; ++i) write_all(STDERR_FILENO, block);  // 16 MB
  write_all(STDERR_FILENO, "end of flood\n");
  finish(0);
}

// 40 MB of numbered lines on each stream at the same time, in writes that do not end where lines do.
[[noreturn]] void flood_both() {
  const bool is_child = ::fork() == 0;
  const std::string name = is_child ? "err " : "out ";
  const int fd = is_child ? STDERR_FILENO : STDOUT_FILENO;
  std::string block;
  for (int i = 0; i < 500'000; ++i) {
    block += name + std::to_string(i) + std::string(70, '.') + '\n';
    if (block.size() < 50'000) continue;
    write_all(fd, {block.data(), 50'000});
    block.erase(0, 50'000);
  }
  write_all(fd, block);
  if (is_child) ::_exit(0);
  ::wait(nullptr);
  finish(0);
}

[[noreturn]] void write_long_line() {
  const std::string block(1'000'000, 'x');
  for (int i = 0; i < 100; ++i) write_all(STDOUT_FILENO, block);
  write_all(STDOUT_FILENO, "\nend\n");
  finish(0);
}

// Slow enough to be watched; all ranks print "tick N" at the same times.
[[noreturn]] void take_steps(int rank) {
  constexpr int64_t kTickNs = 20'000'000;
  for (int64_t step = 0; step < 40; ++step) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t tick = (now.tv_sec * 1'000'000'000 + now.tv_nsec) / kTickNs + 1;
    const timespec next{tick * kTickNs / 1'000'000'000, tick * kTickNs % 1'000'000'000};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, nullptr);
    say(frames::WorkerStep{step});
    write_all(STDOUT_FILENO, "tick " + std::to_string(tick) + "\nstep " + std::to_string(step) + " of rank " +
                                 std::to_string(rank) + '\n');
  }
  finish(0);
}

[[noreturn]] void use_store() {
  say(frames::StoreCall{7, {.op = StoreOp::kGet, .keys = {"key"}, .values = {}, .number = 0, .timeout_ms = 1000}});
  const auto message = hear();
  const auto* const reply = std::get_if<frames::StoreReply>(&message);
  if (reply == nullptr || reply->id != 7) ::_exit(93);
  std::printf("value %s\n", reply->response.values.at(0).c_str());
  std::fflush(stdout);
  finish(0);
}

void tell_limit(const char* name, __rlimit_resource resource) {
  rlimit limit{};
  ::getrlimit(resource, &limit);
  std::printf("%s %lld\n", name, limit.rlim_cur == RLIM_INFINITY ? -1LL : static_cast<long long>(limit.rlim_cur));
}

[[noreturn]] void tell_setup() {
  std::string cpus;
  cpu_set_t set;
  ::sched_getaffinity(0, sizeof set, &set);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus += ' ' + std::to_string(cpu);
  }
  std::array<char, 4096> directory{};
  std::printf("cpus%s\nthreads %s\ndirectory %s\n", cpus.c_str(), std::getenv("OMP_NUM_THREADS"),
              ::getcwd(directory.data(), directory.size()));
  tell_limit("core", RLIMIT_CORE);
  tell_limit("files", RLIMIT_NOFILE);
  tell_limit("memory", RLIMIT_AS);
  tell_limit("processes", RLIMIT_NPROC);
  std::fflush(stdout);
  finish(0);
}

void fail_at_2() {
  say(frames::WorkerStep{2});
  ::_exit(3);
}

void close_stdout() {
  ::close(STDOUT_FILENO);
  write_all(STDERR_FILENO, "still here\n");
  finish(0);
}

void die_within_a_line() {
  write_all(STDOUT_FILENO, "whole\nhalf");
  ::raise(SIGKILL);
}

void set_and_use_store() {
  StoreRequest set{.op = StoreOp::kSet, .keys = {"key"}, .values = {"answer"}, .number = 0, .timeout_ms = 0};
  say(frames::StoreCall{6, std::move(set)});
  hear();
  use_store();
}

void tell_exception() {
  say(frames::WorkerFailure{"std::runtime_error", "no data", "train+0x1 in model.so"});
  ::_exit(1);
}

void close_connection() {
  ::close(kAgentFd);
  wait_forever();
}

void ignore_sigterm() {
  ::signal(SIGTERM, SIG_IGN);
  say(frames::WorkerStep{1});
  be_busy();
}

void be_stuck() {
  say(frames::WorkerStep{1});
  wait_forever();
}

void handle_usr1() {
  ::signal(SIGUSR1, print_signal);
  std::puts("ready");
  std::fflush(stdout);
  be_busy();
}

void send_garbage() {
  write_all(kAgentFd, frames::frame_of("\xff\xff\xff\xff"));
  wait_forever();
}

void tell_environment() {
  say(frames::WorkerReturned{0});
  ::execl("/usr/bin/env", "env", nullptr);
}

void train() {
  for (int64_t step = 0; step < 3; ++step) say(frames::WorkerStep{step});
  std::puts("trained");
  std::fflush(stdout);
  finish(0);
}

struct Mode {
  std::string_view name;
  void (*act)();
};

constexpr Mode kModes[] = {
    {"abort", crash},
    {"close", close_connection},
    {"close-stdout", close_stdout},
    {"describe-crash", [] { describe_for_ever(true); }},
    {"describe-exception", [] { describe_for_ever(false); }},
    {"dump-core", dump_core},
    {"environment", tell_environment},
    {"exit0", [] { ::_exit(0); }},
    {"exit3", [] { ::_exit(3); }},
    {"fail-at-2", fail_at_2},
    {"flood", flood},
    {"flood-both", flood_both},
    {"garbage", send_garbage},
    {"grandchild", [] { leave_grandchild(0); }},
    {"grandchild-exit3", [] { leave_grandchild(3); }},
    {"half-line", die_within_a_line},
    {"handle-usr1", handle_usr1},
    {"hold", hold},
    {"ignore-sigterm", ignore_sigterm},
    {"long-line", write_long_line},
    {"return5", [] { finish(5); }},
    {"setup", tell_setup},
    {"store", use_store},
    {"store-set", set_and_use_store},
    {"stuck", be_stuck},
    {"throw", tell_exception},
    {"wait", [] { be_busy(); }},
    {"want-memory", want_memory},
};

[[noreturn]] void act(const std::string& mode, int rank) {
  for (const Mode& known : kModes) {
    if (known.name == mode) known.act();
  }
  if (mode == "steps") take_steps(rank);
  if (mode.starts_with("steps")) {
    const int64_t steps = std::stoll(mode.substr(5));
    say(frames::WorkerStep{steps});
    be_busy(steps);
  }
  train();
  std::abort();  // a mode comes to its own end
}

[[noreturn]] void be_rank() {
  std::string mode = mode_of("PROGRAM_MODE", "train");
  if (mode == "silent") wait_forever();
  say(frames::WorkerHello{mode == "bad-version" ? 99 : frames::kProtocolVersion, ::getpid()});
  const auto message = hear();
  const auto* const assignment = std::get_if<Assignment>(&message);
  if (assignment == nullptr) ::_exit(94);
  say(frames::WorkerReady{});
  if (mode == "train-later") mode = assignment->plan.generation == GenerationId{1, 1} ? "wait" : "train";
  if (mode == "ready-twice") say(frames::WorkerReady{});
  act(mode_of(("PROGRAM_MODE_" + std::to_string(assignment->local_rank)).c_str(), mode), assignment->global_rank());
}

[[noreturn]] void be_forked_rank(const frames::ForkRank& request, std::vector<UniqueFd> descriptors, pid_t middle) {
  while (::getppid() == middle) ::sched_yield();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  constexpr int kTargets[] = {kAgentFd, kCrashFd, STDOUT_FILENO, STDERR_FILENO};
  for (UniqueFd& fd : descriptors) fd.reset(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 16));
  for (size_t i = 0; i < descriptors.size(); ++i) ::dup2(descriptors[i].get(), kTargets[i]);
  descriptors.clear();
  for (const auto& [name, value] : request.environment) ::setenv(name.c_str(), value.c_str(), 1);
  if (apply(request.setup) != SetupStep::kNone) ::_exit(97);
  be_rank();
}

pid_t fork_rank(const frames::ForkRank& request, std::vector<UniqueFd> descriptors) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) ::_exit(95);
  const pid_t middle = ::fork();
  if (middle == 0) {
    const pid_t self = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) be_forked_rank(request, std::move(descriptors), self);
    ::setpgid(pid, pid);
    write_all(ends[1], {reinterpret_cast<const char*>(&pid), sizeof pid});
    ::_exit(0);
  }
  pid_t pid = -1;
  if (::read(ends[0], &pid, sizeof pid) != sizeof pid) ::_exit(96);
  ::waitpid(middle, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  return pid;
}

[[noreturn]] void be_fork_server(int socket) {
  const std::string mode = mode_of("FORK_SERVER_MODE", "serve");
  const auto tell = [&](const frames::ForkServerMessage& message) {
    if (!frames::send_packet(socket, frames::encode(message)).ok()) ::_exit(0);
  };
  if (mode == "hang") wait_forever();
  if (mode == "abort") {
    ::prctl(PR_SET_DUMPABLE, 0);
    std::abort();
  }
  if (mode == "garbage") {
    [[maybe_unused]] const Status sent = frames::send_packet(socket, "garbage");
    wait_forever();
  }
  tell(frames::ForkServerReady{mode == "refuse" ? "the program has 2 threads" : ""});
  for (;;) {
    auto packet = frames::receive_packet(socket);
    if (!packet.ok()) ::_exit(0);
    const auto request = frames::decode<frames::ForkRank>(packet->payload);
    if (mode == "die-forking") ::_exit(98);
    tell(frames::RankForked{request->id, fork_rank(*request, std::move(packet->descriptors)), {}});
  }
}

}  // namespace
}  // namespace fabric::agent

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--forkserver") fabric::agent::be_fork_server(std::atoi(argv[2]));
  fabric::agent::be_rank();
}
