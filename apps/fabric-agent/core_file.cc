#include "core_file.h"

#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "core/concat.h"

namespace fabric::agent {
namespace {

void add_literal(std::string& glob, char c) {
  if (c == '*' || c == '?' || c == '[' || c == '\\') glob += '\\';
  glob += c;
}

/// Returns core_pattern as a glob in which all but the process's number and signal may be anything. See core(5).
std::string glob_of(const std::string& pattern, const DumpedProcess& process) {
  std::string glob;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      add_literal(glob, pattern[i]);
      continue;
    }
    if (++i == pattern.size()) break;  // the kernel drops a single % at the end
    if (pattern[i] == '%')
      glob += '%';
    else if (pattern[i] == 'p')
      glob += std::to_string(process.pid);
    else if (pattern[i] == 's')
      glob += std::to_string(process.signal);
    else
      glob += '*';
  }
  return glob;
}

std::string escaped(const std::string& path) {
  std::string glob;
  for (const char c : path) add_literal(glob, c);
  return glob;
}

std::string current_directory() {
  std::array<char, 4096> path{};
  return ::getcwd(path.data(), path.size()) != nullptr ? path.data() : "";
}

/// Returns the newest file that matches and is not older than the process.
std::string newest_match(const std::string& pattern, int64_t start_ns) {
  glob_t matches{};
  std::string newest;
  int64_t newest_ns = 0;
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &matches) == 0) {
    for (size_t i = 0; i < matches.gl_pathc; ++i) {
      struct stat status {};
      if (::stat(matches.gl_pathv[i], &status) != 0 || !S_ISREG(status.st_mode)) continue;
      const int64_t changed_ns = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
      // Files have the time of the kernel's last tick, which may lie a little before.
      constexpr int64_t kTickNs = 20'000'000;
      if (changed_ns < newest_ns || changed_ns + kTickNs < start_ns) continue;
      newest = matches.gl_pathv[i];
      newest_ns = changed_ns;
    }
  }
  ::globfree(&matches);
  return newest;
}

std::string describe_pipe(const std::string& command, int pid) {
  const std::string program = command.substr(0, command.find(' '));
  const bool is_systemd = program.ends_with("systemd-coredump");
  return concat("handed to ", program, is_systemd ? concat("; `coredumpctl info ", pid, "` shows it") : "");
}

}  // namespace

std::string core_file_of(const DumpedProcess& process, const NodeFiles& files) {
  const std::string pattern = first_line(files.proc + "/sys/kernel/core_pattern");
  if (pattern.starts_with('|')) return describe_pipe(pattern.substr(1), process.pid);
  std::string glob = glob_of(pattern, process);
  if (!pattern.starts_with('/')) {
    const std::string& directory = process.working_directory;
    glob = concat(escaped(directory.empty() ? current_directory() : directory), '/', glob);
  }
  const bool names_process = pattern.find("%p") != std::string::npos;
  const bool adds_process = !names_process && first_line(files.proc + "/sys/kernel/core_uses_pid") == "1";
  return newest_match(adds_process ? concat(glob, '.', process.pid) : glob, process.start_ns);
}

}  // namespace fabric::agent
