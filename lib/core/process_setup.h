#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fabric {

/// Soft limits of a process; -1: as inherited, INT64_MAX: no limit. See getrlimit(2).
struct ResourceLimits {
  int64_t core_bytes = -1;           ///< RLIMIT_CORE
  int64_t open_files = -1;           ///< RLIMIT_NOFILE
  int64_t address_space_bytes = -1;  ///< RLIMIT_AS
  int64_t processes = -1;            ///< RLIMIT_NPROC, of the user, not of the process; the superuser has none
  bool operator==(const ResourceLimits&) const = default;

  template <class V>
  void fields(V& v) {
    v(core_bytes, open_files, address_space_bytes, processes);
  }
};

/// What the process of a rank changes about itself before it is the rank, whether it is executed or forked.
struct ProcessSetup {
  std::string working_directory;  ///< empty: stays where it is
  std::vector<int> cores;         ///< that it may run on; empty: as inherited
  ResourceLimits limits;

  template <class V>
  void fields(V& v) {
    v(working_directory, cores, limits);
  }
};

/// Highest core number that a ProcessSetup may name, plus one.
inline constexpr int kMaxCores = 8192;

/// One of the changes that apply() makes, in their order.
enum class SetupStep : uint8_t { kNone, kCores, kCoreBytes, kOpenFiles, kAddressSpace, kProcesses, kWorkingDirectory };

/// Changes the calling process. Returns kNone, or the step that failed, with errno saying why. Async-signal-safe: may be
/// called between fork and exec.
SetupStep apply(const ProcessSetup& setup) noexcept;

/// Returns what a step does, to stand after "cannot": "enter its working directory '/data'".
std::string describe(SetupStep step, const ProcessSetup& setup);

}  // namespace fabric
