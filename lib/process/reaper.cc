#include "process/reaper.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace fabric::process {
namespace {

namespace fs = std::filesystem;

// Children belong to the thread that made them; adopted ones to any thread.
bool add_listed_children(std::vector<pid_t>& pids) {
  std::error_code error;
  for (const fs::directory_entry& task : fs::directory_iterator("/proc/self/task", error)) {
    std::ifstream list(task.path() / "children");
    if (!list) return false;
    for (pid_t pid = 0; list >> pid;) pids.push_back(pid);
  }
  return !error;
}

// Returns the parent's id from the text of /proc/<pid>/stat: "12 (name) S 1 ..."; the name may hold anything.
pid_t parent_in(const std::string& stat) {
  const size_t end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos || end_of_name + 4 >= stat.size()) return -1;
  pid_t parent = -1;
  std::from_chars(stat.data() + end_of_name + 4, stat.data() + stat.size(), parent);
  return parent;
}

// For kernels without CONFIG_PROC_CHILDREN.
std::vector<pid_t> scan_for_children() {
  std::vector<pid_t> pids;
  std::error_code error;
  const pid_t self = ::getpid();
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size()) continue;
    std::ifstream file(entry.path() / "stat");
    std::string stat;
    std::getline(file, stat);
    if (parent_in(stat) == self) pids.push_back(pid);
  }
  return pids;
}

bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;  // otherwise ECHILD
}

bool contains(std::span<const pid_t> pids, pid_t pid) { return std::find(pids.begin(), pids.end(), pid) != pids.end(); }

}  // namespace

Status become_subreaper() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0) return ok_status();
  return errno_status(errno, "become a subreaper");
}

std::vector<pid_t> children() {
  if (!has_children()) return {};
  std::vector<pid_t> pids;
  if (add_listed_children(pids)) return pids;
  return scan_for_children();
}

void reap_children_except(std::span<const pid_t> keep) {
  for (const pid_t pid : children()) {
    if (!contains(keep, pid)) ::waitpid(pid, nullptr, WNOHANG);
  }
}

size_t kill_children_except(std::span<const pid_t> keep) {
  size_t left = 0;
  for (const pid_t pid : children()) {
    if (contains(keep, pid)) continue;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, WNOHANG);
    ++left;  // even if it is reaped: its own children may have come to us since the list was made
  }
  return left;
}

bool kill_all_descendants(Nanoseconds bound, const Clock& clock, std::span<const pid_t> keep) {
  const TimePoint end = clock.now() + bound;
  while (kill_children_except(keep) > 0) {
    if (clock.now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace fabric::process
