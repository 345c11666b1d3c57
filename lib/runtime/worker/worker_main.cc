#include "runtime/worker/worker_main.h"

#include <ATen/Parallel.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "core/exit_codes.h"
#include "core/thread_count.h"
#include "core/unique_fd.h"
#include "fabric/program.h"
#include "runtime/environments/agent_environment.h"
#include "runtime/worker/agent_link.h"
#include "runtime/worker/crash_file.h"
#include "runtime/worker/crash_handler.h"
#include "runtime/worker/early_exit.h"
#include "runtime/worker/exception_report.h"
#include "runtime/worker/program_loader.h"

namespace fabric {
namespace {

constexpr std::chrono::seconds kAssignmentTimeout(60);

// std::terminate() passes nothing to its handler, so the link that it reports over is global. Not owned.
std::atomic<AgentLink*> g_link_of_terminate{nullptr};

void flush_output() {
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
}

/// An exception that nobody can catch any more (another thread's, or one that left a noexcept function): says what it was, then
/// ends by SIGABRT as std::terminate() does, so that there is a core.
[[noreturn]] void on_terminate() {
  AgentLink* const link = g_link_of_terminate.exchange(nullptr);
  const std::exception_ptr error = std::current_exception();
  if (link != nullptr && error != nullptr) tell_exception(*link, error);
  if (link != nullptr && error == nullptr) {
    tell_failure(*link, "std::terminate() was called without an exception, as by a std::thread that nobody has joined");
  }
  std::abort();
}

int run_rank(const std::shared_ptr<AgentLink>& link) {
  try {
    const GenerationPlan& plan = link->assignment().plan;
    at::set_num_threads(std::max(threads_of(plan), 1));  // OpenMP's and MKL's number too
    const Result<const ProgramTable*> program = load_program(plan.program);
    if (!program.ok()) {
      tell_failure(*link, program.error().message());
      return exit_code::kBadJob;
    }
    AgentEnvironment environment(link);
    const int code = run_program(**program, environment);
    link->report_returned(code);
    return code;
  } catch (...) {
    // What train() threw was told by its environment, before the rank left the others.
    tell_exception(*link, std::current_exception());
    return exit_code::kFailure;
  }
}

int run_worker(UniqueFd agent) {
  std::shared_ptr<AgentLink> link;
  try {
    link = AgentLink::connect(std::move(agent), kAssignmentTimeout);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fabric-worker: %s\n", error.what());
    return exit_code::kFailure;
  }
  g_link_of_terminate = link.get();
  std::set_terminate(on_terminate);
  const int code = run_rank(link);
  g_link_of_terminate = nullptr;
  flush_output();
  return code;
}

}  // namespace
}  // namespace fabric

int fabric_worker_main(int agent_fd, int crash_fd) {
  // Inherited, so not yet close-on-exec: what the program starts must not hold them.
  ::fcntl(agent_fd, F_SETFD, FD_CLOEXEC);
  ::fcntl(crash_fd, F_SETFD, FD_CLOEXEC);
  fabric::open_crash_file(crash_fd);
  fabric::install_crash_handler();
  fabric::watch_for_early_exit();
  const int code = fabric::run_worker(fabric::UniqueFd(agent_fd));
  fabric::allow_exit();
  return code;
}
