#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace fabric::testing {

/// Returns the bytes of a file; none if it cannot be read.
inline std::string file_text(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace fabric::testing
