// libFuzzer's target for the reader of jobs (scripts/fuzz): any text is refused with a place for each mistake, or is a job that the
// resolved job.yaml gives back. Lines "#@ " and "#$ " of a text are arguments and variables, as in tests/job/bad.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>

#include "job/bad_job.h"
#include "job/job_json.h"
#include "job/job_reader.h"
#include "support/temporary_directory.h"

namespace {

using namespace fabric::job;

constexpr size_t kLongestRoundTrip = 4'096;  // beyond it the defaults may be what makes one value too many

[[noreturn]] void fail(const char* what, const std::string& text) {
  std::fprintf(stderr, "%s\n%s\n", what, text.c_str());
  std::abort();
}

/// Where jobs of the fuzzer find files to include.
class Files {
 public:
  Files() {
    std::ofstream(directory_.file("a.yaml")) << "args: {a: 1}\nenv: {A: x}\n";
    std::ofstream(directory_.file("b.yaml")) << "include: a.yaml\nfabric: {devices: 2}\nprofiles: {p: {threads: 2}}\n";
  }
  std::string path() const { return directory_.path().string(); }

 private:
  fabric::testing::TemporaryDirectory directory_;
};

/// Every line is "file:line:column: text", but for the last one of very many.
void check_places(const std::string& message) {
  static const std::regex kPlace(".*:[0-9]+:[0-9]+: .+");
  static const std::regex kMore("and [0-9]+ more errors");
  std::istringstream lines(message);
  bool has_lines = false;
  for (std::string line; std::getline(lines, line); has_lines = true) {
    // A start of it is enough: std::regex recurses for each character.
    if (!std::regex_match(line.substr(0, 2'000), kPlace) && !std::regex_match(line, kMore))
      fail("each line of a message must name a place", message);
  }
  if (!has_lines) fail("a message must have lines", message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Files kFiles;
  const auto bad = fabric::testing::parse_bad_job(std::string(reinterpret_cast<const char*>(data), size));
  JobInputs inputs = fabric::testing::inputs_of(bad);
  inputs.variables.insert({{"A", "1"}, {"TOKEN", "x: [${env:A}]"}});
  const auto job = parse_job(bad.text, "job.yaml", kFiles.path(), inputs);
  if (!job.ok()) {
    check_places(job.status().message());
    return 0;
  }
  if (size > kLongestRoundTrip) return 0;
  const std::string resolved = to_yaml(job->spec);
  const auto again = parse_job(resolved, "again.yaml", "/elsewhere", {.variables = inputs.variables});
  if (!again.ok()) fail(again.status().message().c_str(), resolved);
  if (again->spec != job->spec) fail("the resolved job must read back to the same job", resolved);
  return 0;
}
