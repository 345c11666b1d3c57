#include "core/process_setup.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "core/concat.h"

namespace fabric {
namespace {

constexpr size_t kBitsPerWord = 8 * sizeof(unsigned long);

bool set_cores(const std::vector<int>& cores) noexcept {
  std::array<unsigned long, kMaxCores / kBitsPerWord> words{};  // as cpu_set_t, which is too small for large machines
  for (const int core : cores) {
    if (core < 0 || core >= kMaxCores) {
      errno = EINVAL;
      return false;
    }
    const auto bit = static_cast<size_t>(core);
    words[bit / kBitsPerWord] |= 1UL << (bit % kBitsPerWord);
  }
  return ::sched_setaffinity(0, sizeof words, reinterpret_cast<const cpu_set_t*>(words.data())) == 0;
}

// A soft limit may be raised up to the hard one only; the hard one is left to the user's children.
bool set_soft_limit(__rlimit_resource resource, int64_t value) noexcept {
  if (value < 0) return true;
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return false;
  const rlim_t wanted = value == INT64_MAX ? RLIM_INFINITY : static_cast<rlim_t>(value);
  if (wanted > limit.rlim_max) {
    errno = EPERM;
    return false;
  }
  limit.rlim_cur = wanted;
  return ::setrlimit(resource, &limit) == 0;
}

}  // namespace

SetupStep apply(const ProcessSetup& setup) noexcept {
  const ResourceLimits& limits = setup.limits;
  if (!setup.cores.empty() && !set_cores(setup.cores)) return SetupStep::kCores;
  if (!set_soft_limit(RLIMIT_CORE, limits.core_bytes)) return SetupStep::kCoreBytes;
  if (!set_soft_limit(RLIMIT_NOFILE, limits.open_files)) return SetupStep::kOpenFiles;
  if (!set_soft_limit(RLIMIT_AS, limits.address_space_bytes)) return SetupStep::kAddressSpace;
  if (!set_soft_limit(RLIMIT_NPROC, limits.processes)) return SetupStep::kProcesses;
  const std::string& directory = setup.working_directory;
  if (!directory.empty() && ::chdir(directory.c_str()) != 0) return SetupStep::kWorkingDirectory;
  return SetupStep::kNone;
}

std::string describe(SetupStep step, const ProcessSetup& setup) {
  const auto limit = [](const char* what, int64_t value) {
    return value == INT64_MAX ? concat("lift its limit of ", what) : concat("limit its ", what, " to ", value);
  };
  std::string cores;
  switch (step) {
    case SetupStep::kNone:
      break;
    case SetupStep::kCores:
      for (const int core : setup.cores) cores += concat(' ', core);
      return concat("bind it to the cores", cores);
    case SetupStep::kCoreBytes:
      return limit("core files in bytes", setup.limits.core_bytes);
    case SetupStep::kOpenFiles:
      return limit("open files", setup.limits.open_files);
    case SetupStep::kAddressSpace:
      return limit("memory in bytes", setup.limits.address_space_bytes);
    case SetupStep::kProcesses:
      return limit("user's processes", setup.limits.processes);
    case SetupStep::kWorkingDirectory:
      return concat("enter its working directory '", setup.working_directory, "'");
  }
  return "set it up";
}

}  // namespace fabric
