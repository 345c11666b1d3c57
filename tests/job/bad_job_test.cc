// Each file in bad/ says what must be said about it (bad_job.h). That fabric-run ends so, bad_job_run_test.cc shows.

#include "job/bad_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "job/job_reader.h"

namespace fabric::job {
namespace {

using fabric::testing::bad_job_files;
using fabric::testing::BadJob;
using fabric::testing::inputs_of;
using fabric::testing::missing_parts;
using fabric::testing::read_bad_job;

class BadJobTest : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(BadJobTest, IsRefusedWithEveryMistakeAtItsPlace) {
  const BadJob bad = read_bad_job(GetParam());
  ASSERT_FALSE(bad.expected.empty()) << "the file must say what is expected";

  const auto job = parse_job(bad.text, "job.yaml", FABRIC_BAD_JOBS_DIR, inputs_of(bad));

  ASSERT_FALSE(job.ok());
  EXPECT_EQ(job.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(job.status().message(), bad.expected);
  std::istringstream lines(bad.expected);
  for (std::string line; std::getline(lines, line);) EXPECT_EQ(missing_parts(line), "") << line;
}

INSTANTIATE_TEST_SUITE_P(Files, BadJobTest, ::testing::ValuesIn(bad_job_files(FABRIC_BAD_JOBS_DIR)),
                         [](const auto& file) { return file.param.stem().string(); });

}  // namespace
}  // namespace fabric::job
