#include "job/bad_job.h"

#include <algorithm>
#include <sstream>

#include "support/file_text.h"

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

job::JobInputs inputs_of(const BadJob& bad) {
  job::JobInputs inputs{.variables = bad.variables};
  for (size_t i = 0; i + 1 < bad.arguments.size(); i += 2) {
    if (bad.arguments[i] == "--set") inputs.overrides.push_back(bad.arguments[i + 1]);
    if (bad.arguments[i] == "--profile") inputs.profile = bad.arguments[i + 1];
  }
  return inputs;
}

BadJob read_bad_job(const std::filesystem::path& path, const std::string& files) {
  return parse_bad_job(replaced(replaced(file_text(path), "@FILES@", files), "@MACHINE@", kMachine));
}

std::string missing_parts(const std::string& line) {
  std::string missing;
  if (line.find("must") == std::string::npos && line.find("needs") == std::string::npos) missing += "what must hold";
  if (line.find("; ") == std::string::npos) missing += std::string(missing.empty() ? "" : " and ") + "what to do";
  return missing;
}

BadJob parse_bad_job(const std::string& text) {
  BadJob bad;
  bool is_usage = true;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#! ")) {
      const std::string said = line.starts_with("#! !") ? line.substr(4) : "job.yaml:" + line.substr(3);
      bad.expected += (bad.expected.empty() ? "" : "\n") + said;
      is_usage = is_usage && said.starts_with("--");
    } else if (line.starts_with("#@ ")) {
      bad.arguments.push_back(line.substr(3));
    } else if (line.starts_with("#$ ")) {
      const size_t equals = std::min(line.find('='), line.size() - 1);
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
