// libFuzzer's target for the reader of jobs (scripts/fuzz): any text is refused with a place, or is a job that the resolved
// job.yaml gives back.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "job/job_json.h"
#include "job/job_reader.h"

namespace {

constexpr size_t kLongestRoundTrip = 4'096;  // beyond it the defaults may be what makes one value too many

[[noreturn]] void fail(const char* what, const std::string& text) {
  std::fprintf(stderr, "%s\n%s\n", what, text.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fabric::job;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const JobInputs inputs{.variables = {{"A", "1"}, {"TOKEN", "x: [${env:A}]"}}};
  const auto job = parse_job(text, "job.yaml", "/nowhere", inputs);
  if (!job.ok()) {
    if (job.status().message().find(':') == std::string::npos)
      fail("a message must name a place", job.status().message());
    return 0;
  }
  if (size > kLongestRoundTrip) return 0;
  const std::string resolved = to_yaml(job->spec);
  const auto again = parse_job(resolved, "again.yaml", "/elsewhere", inputs);
  if (!again.ok()) fail(again.status().message().c_str(), resolved);
  if (again->spec != job->spec) fail("the resolved job must read back to the same job", resolved);
  return 0;
}
