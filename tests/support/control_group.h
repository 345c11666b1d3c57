#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace fabric::testing {

/// A control group (v2) with a limit of memory, which this process and what it starts live in while this object does.
class ControlGroup {
 public:
  explicit ControlGroup(uint64_t memory_bytes) {
    std::string controllers, own;
    std::getline(std::ifstream(kMount + "/cgroup.subtree_control"), controllers);
    if ((" " + controllers + " ").find(" memory ") == std::string::npos) {
      why_not_ = "groups with a limit of memory cannot be made: memory is not in " + kMount + "/cgroup.subtree_control";
      return;
    }
    std::ifstream groups("/proc/self/cgroup");
    while (std::getline(groups, own) && !own.starts_with("0::")) {
    }
    home_ = kMount + own.substr(std::min<size_t>(3, own.size()));
    path_ = kMount + "/fabric-test-" + std::to_string(::getpid());
    std::error_code error;
    std::filesystem::create_directory(path_, error);
    if (error || !write(path_ + "/memory.max", std::to_string(memory_bytes)) || !move_to(path_)) {
      why_not_ = "a control group cannot be made at '" + path_ + "'; it takes the superuser and a writable file system";
    }
    write(path_ + "/memory.swap.max", "0");
  }
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;
  ~ControlGroup() {
    if (path_.empty()) return;
    move_to(home_);
    ::rmdir(path_.c_str());
  }

  /// Returns why there is none; empty if there is.
  const std::string& why_not() const { return why_not_; }

 private:
  static inline const std::string kMount = "/sys/fs/cgroup";

  static bool write(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text << std::flush;
    return file.good();
  }
  static bool move_to(const std::string& group) { return write(group + "/cgroup.procs", "0"); }

  std::string home_;
  std::string path_;
  std::string why_not_;
};

}  // namespace fabric::testing
