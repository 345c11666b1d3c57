#include "job/bad_job.h"

#include <algorithm>
#include <fstream>

namespace fabric::testing {
namespace {

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

#if defined(__aarch64__)
constexpr const char* kMachine = "aarch64";
#else
constexpr const char* kMachine = "x86-64";
#endif

}  // namespace

BadJob read_bad_job(const std::filesystem::path& path, const std::string& files) {
  BadJob bad;
  bool is_usage = true;
  std::ifstream file(path);
  for (std::string raw; std::getline(file, raw);) {
    const std::string line = replaced(replaced(raw, "@FILES@", files), "@MACHINE@", kMachine);
    if (line.starts_with("#! ")) {
      const std::string said = line.starts_with("#! !") ? line.substr(4) : "job.yaml:" + line.substr(3);
      bad.expected += (bad.expected.empty() ? "" : "\n") + said;
      is_usage = is_usage && said.starts_with("--");
    } else if (line.starts_with("#@ ")) {
      bad.arguments.push_back(line.substr(3));
    } else if (line.starts_with("#$ ")) {
      const size_t equals = line.find('=');
      bad.variables[line.substr(3, equals - 3)] = line.substr(equals + 1);
    } else {
      bad.text += line + '\n';
    }
  }
  if (is_usage) bad.exit_code = 2;
  return bad;
}

std::vector<std::filesystem::path> bad_job_files(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace fabric::testing
