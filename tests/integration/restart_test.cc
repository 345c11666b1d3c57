// Ranks that die and come back: how they are made, what stays, and that nothing grows.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/eventually.h"
#include "support/fabric_run.h"
#include "support/processes.h"
#include "support/repeats.h"

namespace fabric {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using fabric::testing::children_of;
using fabric::testing::descendants_of;
using fabric::testing::eventually;
using fabric::testing::job_arguments;
using fabric::testing::JobResult;
using fabric::testing::repeats;
using fabric::testing::run_job;
using fabric::testing::RunningJob;
using fabric::testing::TemporaryDirectory;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const fs::path kWorkers = FABRIC_TEST_WORKERS_DIR;

std::string job_of(const fs::path& program, int times, const std::string& more = "") {
  std::ostringstream job;
  job << "name: restarts\nprogram: " << program.string() << "\nargs: {times: " << times << "}\n"
      << "fabric: {accelerator: cpu, strategy: ddp, devices: 2}\nthreads: 1\nelastic: {max_restarts: " << times << "}\n"
      << more;
  return job.str();
}

TEST(RestartTest, StartsTheRanksAgainAndKeepsTheLogsOfEveryLife) {
  TemporaryDirectory directory;

  const JobResult result = run_job(directory, job_of(kWorkers / "comes_back.so", 3));

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(result.report.at("restarts"), 3);
  for (int life = 0; life <= 3; ++life) {
    EXPECT_THAT(result.out, HasSubstr("life " + std::to_string(life) + " on 2 ranks"));
    std::ostringstream log;
    log << std::ifstream(result.run_directory / ("logs/gen-1." + std::to_string(life + 1)) / "rank-0.log").rdbuf();
    // What it says of the rank that is gone may follow, if it was not killed before.
    EXPECT_THAT(log.str(), StartsWith("life " + std::to_string(life) + " on 2 ranks\n"));
    EXPECT_EQ(log.str().find("life", 1), std::string::npos) << log.str();
  }
}

TEST(RestartTest, EndsWithTheTruthOnceTheBudgetIsSpent) {
  TemporaryDirectory directory;
  std::string job = job_of(kWorkers / "comes_back.so", 2);
  job.replace(job.find("max_restarts: 2"), 15, "max_restarts: 1");

  const JobResult result = run_job(directory, job);

  EXPECT_EQ(result.exit_code, 128 + SIGKILL) << result.describe();
  EXPECT_EQ(result.report.at("restarts"), 1);
  EXPECT_EQ(result.report.at("first_cause").at("rank"), 1);
  EXPECT_THAT(result.report.at("reason").get<std::string>(), HasSubstr("all 1 restarts are used up"));
}

TEST(RestartTest, StartsByExecWhereTheJobSaysSo) {
  TemporaryDirectory directory;

  const JobResult result = run_job(directory, job_of(kWorkers / "comes_back.so", 1, "start_method: exec\n"));

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(result.report.at("restarts"), 1);
}

/// An in-place rebuild: the linker truncates the file and writes it anew, while ranks run from it and are started again.
TEST(RestartTest, DoesNotNoticeThatTheProgramIsBuiltAnew) {
  TemporaryDirectory directory;
  const fs::path program = directory.path() / "program.so";
  fs::copy_file(kWorkers / "family.so", program);
  RunningJob job(directory, job_arguments(directory, job_of(program, 1)));
  ASSERT_TRUE(job.wait_for_events("rank_ready", 2));
  const auto newest_rank = [&] {
    pid_t pid = 0;
    for (const auto& event : job.events()) {
      if (event.at("event") == "rank_started" && event.at("rank") == 0) pid = event.at("pid");
    }
    return pid;
  };
  const pid_t first = newest_rank();

  std::ofstream(program, std::ios::trunc) << "half of a shared object";
  ::kill(first, SIGKILL);

  ASSERT_TRUE(job.wait_for_events("rank_ready", 4));
  EXPECT_NE(newest_rank(), first);
  EXPECT_TRUE(fabric::testing::is_alive(newest_rank()));
}

/// What a process of the job holds.
struct Holdings {
  size_t descriptors = 0;
  size_t threads = 0;
  size_t kilobytes = 0;
  size_t zombies = 0;
};

size_t entries_in(const std::string& directory) {
  std::error_code error;
  const fs::directory_iterator entries(directory, error);
  return error ? 0 : static_cast<size_t>(std::distance(begin(entries), end(entries)));
}

Holdings holdings_of(pid_t pid) {
  const std::string proc = "/proc/" + std::to_string(pid);
  Holdings holdings{entries_in(proc + "/fd"), entries_in(proc + "/task"), 0, 0};
  std::ifstream status(proc + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) holdings.kilobytes = std::stoul(line.substr(8));
  }
  for (const pid_t child : children_of(pid)) holdings.zombies += fabric::testing::is_alive(child) ? 0 : 1;
  return holdings;
}

/// 20 restarts here, 1,000 in scripts/soak.
TEST(RestartTest, NothingGrowsWithTheRestarts) {
  const int times = std::max(20, 10 * repeats(2));
  constexpr int kSettled = 8;  // buffers and pools have their size by then
  TemporaryDirectory directory;
  RunningJob job(directory, job_arguments(directory, job_of(kWorkers / "comes_back.so", times)));
  const auto wait_for_life = [&](int life) { return job.wait_for_events("generation_started", life, 600s); };
  ASSERT_TRUE(wait_for_life(kSettled));
  const pid_t link = children_of(job.pid()).at(0);
  const pid_t supervisor = children_of(link).at(0);
  const size_t shared_memory = entries_in("/dev/shm");
  std::map<pid_t, Holdings> before;
  for (const pid_t pid : {job.pid(), link, supervisor}) before[pid] = holdings_of(pid);

  ASSERT_TRUE(wait_for_life(times - 2));
  std::map<pid_t, Holdings> after;
  for (const pid_t pid : {job.pid(), link, supervisor}) after[pid] = holdings_of(pid);

  const JobResult result = job.wait(600s);
  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(result.report.at("restarts"), times);
  // Ranks come and go while the holdings are read: two of them hold six descriptors each. gRPC's pool of threads breathes.
  for (const auto& [pid, held] : before) {
    const Holdings& holds = after[pid];
    std::printf("process %d after %d restarts: %zu descriptors (%zu), %zu threads (%zu), %zu KiB (%zu)\n", pid, times,
                holds.descriptors, held.descriptors, holds.threads, held.threads, holds.kilobytes, held.kilobytes);
    EXPECT_LE(holds.descriptors, held.descriptors + 14) << "process " << pid;
    EXPECT_LE(holds.threads, held.threads + 8) << "process " << pid;
    EXPECT_LE(holds.zombies, 3u) << "process " << pid;
    EXPECT_LE(holds.kilobytes, held.kilobytes + 2048) << "process " << pid;
  }
  EXPECT_LE(entries_in("/dev/shm"), shared_memory);
}

}  // namespace
}  // namespace fabric
