// fabric-worker: the process of one rank. This file knows no LibTorch: it finds libfabric_runtime.so and calls into it, so
// that --version, --help and --probe take a millisecond and need nothing of it.

#include <dlfcn.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "core/concat.h"
#include "core/exit_codes.h"
#include "core/installation.h"
#include "core/version.h"
#include "probe.h"

namespace {

constexpr const char* kHelp =
    "Usage: fabric-worker [--help | --version | --probe]\n"
    "\n"
    "Runs one rank. fabric-agent starts it, with FABRIC_AGENT_FD and FABRIC_CRASH_FD in its environment, or as\n"
    "--forkserver FD PROGRAM, to fork ranks that have the program loaded; by hand only these are of use:\n"
    "\n"
    "  --probe    print this machine's accelerators as one JSON object\n"
    "  --version  print the version\n"
    "  --help     print this\n";

std::optional<int> descriptor_in(std::string_view text) {
  int fd = -1;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, fd);
  return error == std::errc() && stopped == end && fd > 2 ? std::optional(fd) : std::nullopt;
}

/// Takes a descriptor's number out of the environment, so that what the program starts does not see it.
std::optional<int> take_fd(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  const std::optional<int> fd = descriptor_in(text);
  ::unsetenv(name);
  return fd;
}

/// Returns a function of the runtime, or null after saying why there is none.
template <class Function>
Function load_from_runtime(const char* name) {
  const std::string path = fabric::runtime_library();
  // Global: the program's shared object and LibTorch's plug-ins resolve their names here. Lazy: of LibTorch's functions a
  // program calls few.
  void* const runtime = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_GLOBAL);
  if (runtime != nullptr) return reinterpret_cast<Function>(::dlsym(runtime, name));
  std::fprintf(stderr, "fabric-worker: the runtime must be loadable from '%s', but is not: %s\n", path.c_str(),
               ::dlerror());
  return nullptr;
}

int run_rank() {
  const std::optional<int> agent_fd = take_fd("FABRIC_AGENT_FD");
  const std::optional<int> crash_fd = take_fd("FABRIC_CRASH_FD");
  if (!agent_fd || !crash_fd) {
    std::fputs(
        "fabric-worker: is started by fabric-agent, with FABRIC_AGENT_FD and FABRIC_CRASH_FD, but one is missing; "
        "start jobs with fabric-run\n",
        stderr);
    return fabric::exit_code::kUsage;
  }
  const auto worker_main = load_from_runtime<int (*)(int, int)>("fabric_worker_main");
  return worker_main != nullptr ? worker_main(*agent_fd, *crash_fd) : fabric::exit_code::kFailure;
}

int run_fork_server(const char* descriptor, const char* program) {
  const std::optional<int> server_fd = descriptor_in(descriptor);
  if (!server_fd) {
    std::fprintf(stderr, "fabric-worker: --forkserver must name an inherited descriptor, but got '%s'\n", descriptor);
    return fabric::exit_code::kUsage;
  }
  const auto fork_server_main = load_from_runtime<int (*)(int, const char*)>("fabric_fork_server_main");
  return fork_server_main != nullptr ? fork_server_main(*server_fd, program) : fabric::exit_code::kFailure;
}

int print(const std::string& text) {
  return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0 ? fabric::exit_code::kSuccess
                                                                           : fabric::exit_code::kFailure;
}

int run(int argc, char** argv) {
  if (argc == 1) return run_rank();
  const std::string_view option = argv[1];
  if (argc == 2 && option == "--help") return print(kHelp);
  if (argc == 2 && option == "--version") return print(fabric::concat("fabric-worker ", fabric::kVersion, "\n"));
  if (argc == 2 && option == "--probe") return print(fabric::worker::probe_accelerators() + "\n");
  if (argc == 4 && option == "--forkserver") return run_fork_server(argv[2], argv[3]);
  std::fprintf(stderr, "fabric-worker: must be called with one of --help, --version, --probe, but got '%s'\n", argv[1]);
  return fabric::exit_code::kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  const int code = run(argc, argv);
  std::cout.flush();
  std::fflush(nullptr);
  // Not exit(): static destructors of LibTorch and of the program would run while their threads still do (autograd, Gloo,
  // OpenMP), and a rank that did its work would crash or hang in the end. The memory goes back at once, too.
  ::_exit(code);
}
