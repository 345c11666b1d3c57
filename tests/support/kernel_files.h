#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "node_probe.h"
#include "support/temporary_directory.h"

namespace fabric::testing {

/// Files that stand for /proc and /sys.
class KernelFiles {
 public:
  /// Writes a file, "/proc/..." or "/sys/...", in place of an earlier one.
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_.path().string() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::string path(const std::string& path) const { return root_.path().string() + path; }
  agent::NodeFiles node_files() const { return {root_.file("proc"), root_.file("sys")}; }

 private:
  TemporaryDirectory root_;
};

}  // namespace fabric::testing
