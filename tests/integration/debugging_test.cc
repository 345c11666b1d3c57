// The usual tools around the real ranks, as docs/debugging.md says to run them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

#include "support/fabric_run.h"

namespace fabric {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using testing::JobResult;
using ::testing::Not;
using testing::TemporaryDirectory;

/// Tools make a program slow to load, above all beside other work.
constexpr auto kPatience = 110s;

bool is_installed(const std::string& program) {
  std::istringstream directories(std::getenv("PATH"));
  for (std::string directory; std::getline(directories, directory, ':');) {
    if (::access((directory + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

class DebuggingTest : public ::testing::Test {
 protected:
  JobResult run(const std::string& fault, const std::vector<std::string>& flags) {
    std::ostringstream job;
    job << "name: debugging\nprogram: " << FABRIC_TEST_WORKERS_DIR << "/faults.so\nargs: {fault: " << fault
        << ", rank: 1, steps: 3}\nfabric: {accelerator: cpu, devices: 2}\nthreads: 1\n";
    return testing::run_job(directory_, job.str(), flags, kPatience);
  }

  TemporaryDirectory directory_;
};

TEST_F(DebuggingTest, GdbShowsWhereTheRankThatItRunsCrashed) {
  if (!is_installed("gdb")) GTEST_SKIP() << "gdb is not installed";

  const JobResult result = run("segfault", {"--wrap", "gdb -batch -ex run -ex bt --args", "--ranks", "1"});

  EXPECT_FALSE(result.timed_out) << result.describe();
  EXPECT_THAT(result.out, ContainsRegex("\\[rank 1\\] .*received signal SIGSEGV")) << result.describe();
  EXPECT_THAT(result.out, ContainsRegex("\\[rank 1\\] #0 .*write_to_address_zero\\(\\)")) << result.describe();
  EXPECT_THAT(result.out, ContainsRegex("\\[rank 1\\] #.* train\\(fabric::Fabric&")) << result.describe();
  EXPECT_THAT(result.out, Not(HasSubstr("[rank 0] #"))) << "rank 0 runs without it";
  EXPECT_NE(result.exit_code, 0) << "the other rank waited for it in vain";
}

TEST_F(DebuggingTest, GdbStopsWhereItIsToldTo) {
  if (!is_installed("gdb")) GTEST_SKIP() << "gdb is not installed";

  const JobResult result = run("none", {"--wrap",
                                        "gdb -batch -ex 'set breakpoint pending on' -ex 'break train' -ex run "
                                        "-ex 'info threads' -ex continue --args",
                                        "--ranks", "0"});

  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.out,
              AllOf(ContainsRegex("\\[rank 0\\] .*hit Breakpoint 1"), HasSubstr("all 2 ranks came to the end")));
}

TEST_F(DebuggingTest, PerfCountsOfTheRanksThatItRuns) {
  if (!is_installed("perf")) GTEST_SKIP() << "perf is not installed";

  const JobResult result = run("none", {"--wrap", "perf stat -e task-clock"});

  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.err,
              AllOf(ContainsRegex("\\[rank 0\\] .*task-clock"), ContainsRegex("\\[rank 1\\] .*task-clock")));
}

TEST_F(DebuggingTest, ValgrindRunsARank) {
  if (!is_installed("valgrind")) GTEST_SKIP() << "valgrind is not installed";

  const JobResult result = run("none", {"--wrap", "valgrind --tool=none", "--ranks", "1"});

  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.err, ContainsRegex("\\[rank 1\\] ==[0-9]+== Nulgrind"));
  EXPECT_THAT(result.out, HasSubstr("all 2 ranks came to the end"));
}

}  // namespace
}  // namespace fabric
