// Each file in bad/ ends with what must be said about it, a line "#! LINE:COLUMN: message" for each mistake.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "job/job_reader.h"

namespace fabric::job {
namespace {

std::vector<std::filesystem::path> bad_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(FABRIC_BAD_JOBS_DIR)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

class BadJobTest : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(BadJobTest, IsRefusedWithEveryMistakeAtItsPlace) {
  std::ifstream file(GetParam());
  std::ostringstream job, expected;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#! ")) {
      expected << (expected.str().empty() ? "" : "\n") << "job.yaml:" << line.substr(3);
    } else {
      job << line << '\n';
    }
  }
  ASSERT_FALSE(expected.str().empty()) << "the file must say what is expected";

  const auto spec = parse_job(job.str(), "job.yaml", "/jobs");

  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(spec.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(spec.status().message(), expected.str());
}

INSTANTIATE_TEST_SUITE_P(Files, BadJobTest, ::testing::ValuesIn(bad_files()),
                         [](const auto& file) { return file.param.stem().string(); });

}  // namespace
}  // namespace fabric::job
