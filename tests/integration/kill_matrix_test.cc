// Kills each process of a job in turn with SIGKILL: what must end ends within a second, what must go on goes on, and what is
// left has told the truth. The processes are found by walking the tree, so that one nobody thought of is killed too.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "support/eventually.h"
#include "support/fabric_run.h"
#include "support/processes.h"
#include "support/repeats.h"

namespace fabric {
namespace {

using namespace std::chrono_literals;
using fabric::testing::children_of;
using fabric::testing::descendants_of;
using fabric::testing::eventually;
using fabric::testing::is_alive;
using fabric::testing::job_arguments;
using fabric::testing::JobResult;
using fabric::testing::repeats;
using fabric::testing::RunningJob;
using fabric::testing::TemporaryDirectory;
using nlohmann::json;
using ::testing::HasSubstr;

constexpr size_t kRelatives = 3;
/// fabric-run, link, supervisor, fork server, two ranks, and the relatives of rank 1.
constexpr size_t kProcesses = 6 + kRelatives;

std::string job_of(int max_restarts) {
  std::ostringstream job;
  job << "name: family\nprogram: " << FABRIC_TEST_WORKERS_DIR << "/family.so\n"
      << "fabric: {accelerator: cpu, strategy: ddp, devices: 2}\nthreads: 1\nelastic: {max_restarts: " << max_restarts
      << ", grace: 1s}\n";
  return job.str();
}

/// A job that trains, and what its processes are.
class Family {
 public:
  explicit Family(int max_restarts = 0) : job_(directory_, job_arguments(directory_, job_of(max_restarts))) {
    is_complete_ = eventually(60s, [&] { return has_all(); });
  }

  RunningJob& job() { return job_; }
  bool is_complete() const { return is_complete_; }
  pid_t fabric_run() const { return job_.pid(); }
  pid_t link() const { return children_of(fabric_run()).at(0); }
  pid_t supervisor() const { return children_of(link()).at(0); }
  std::vector<pid_t> all() const {
    std::vector<pid_t> pids = descendants_of(fabric_run());
    pids.insert(pids.begin(), fabric_run());
    return pids;
  }
  /// Returns the process ids of the ranks of the newest generation, by rank.
  std::map<int, pid_t> ranks() const {
    std::map<int, pid_t> pids;
    for (const json& event : job_.events()) {
      if (event.at("event") == "rank_started") pids[event.at("rank")] = event.at("pid");
    }
    return pids;
  }
  /// Returns what there is of it, for the message of a failed expectation.
  std::string describe() const {
    std::ostringstream text;
    for (const json& event : job_.events()) text << event.dump() << '\n';
    for (const pid_t pid : all()) {
      std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
      std::string line;
      std::getline(file, line);
      std::replace(line.begin(), line.end(), '\0', ' ');
      text << "process " << pid << ": " << line << '\n';
    }
    text << "fork server " << fork_server() << ", " << relatives().size() << " relatives\n";
    return text.str();
  }
  /// Returns the fork server, 0 if there is none at the moment.
  pid_t fork_server() const {
    const std::map<int, pid_t> pids = ranks();
    for (const pid_t child : children_of(supervisor())) {
      const bool is_rank =
          std::any_of(pids.begin(), pids.end(), [&](const auto& rank) { return rank.second == child; });
      std::ifstream file("/proc/" + std::to_string(child) + "/cmdline");
      std::string line;
      std::getline(file, line);
      const bool is_forked_alike = line.find("--forkserver") != std::string::npos;
      if (is_forked_alike && !is_rank && !is_relative(child) && is_alive(child)) return child;
    }
    return 0;
  }
  std::vector<pid_t> relatives() const {
    std::vector<pid_t> pids;
    std::ifstream log(directory_.path() / "runs/latest/logs/gen-1.1/rank-1.log");
    for (std::string line; std::getline(log, line);) {
      std::istringstream words(line);
      std::string name;
      pid_t pid = 0;
      if (words >> name >> pid) pids.push_back(pid);
    }
    return pids;
  }
  bool is_relative(pid_t pid) const {
    const std::vector<pid_t> pids = relatives();
    return std::find(pids.begin(), pids.end(), pid) != pids.end();
  }

 private:
  bool has_all() const {
    return job_.wait_for_events("rank_ready", 2, 0s) && relatives().size() == kRelatives &&
           all().size() == kProcesses && fork_server() != 0;
  }

  TemporaryDirectory directory_;
  RunningJob job_;
  bool is_complete_ = false;
};

/// How soon nothing may be left.
constexpr auto kSoon = 1s;

std::string alive_of(const std::vector<pid_t>& pids) {
  std::string text;
  for (const pid_t pid : pids) {
    if (!is_alive(pid)) continue;
    std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
    std::string line;
    std::getline(file, line, '\0');
    text += " " + std::to_string(pid) + " (" + line + ")";
  }
  return text;
}

void expect_all_gone(const std::vector<pid_t>& pids) {
  eventually(kSoon, [&] { return alive_of(pids).empty(); });
  EXPECT_EQ(alive_of(pids), "") << "must be gone " << kSoon.count() << " s later";
}

void expect_agent_death_reported(const JobResult& result, const std::string& how) {
  EXPECT_EQ(result.exit_code, 1) << result.describe();
  ASSERT_TRUE(result.report.is_object()) << result.describe();
  EXPECT_EQ(result.report.at("outcome"), "failed");
  EXPECT_THAT(result.report.at("agent_failure").dump(), HasSubstr(how));
}

TEST(KillMatrixTest, FabricRun) {
  for (int i = 0; i < repeats(10); ++i) {
    Family family;
    ASSERT_TRUE(family.is_complete()) << family.describe();
    const std::vector<pid_t> all = family.all();

    ::kill(family.fabric_run(), SIGKILL);

    EXPECT_EQ(family.job().wait().exit_code, 128 + SIGKILL);
    expect_all_gone(all);
  }
}

TEST(KillMatrixTest, Link) {
  for (int i = 0; i < repeats(10); ++i) {
    Family family;
    ASSERT_TRUE(family.is_complete()) << family.describe();
    const std::vector<pid_t> all = family.all();

    ::kill(family.link(), SIGKILL);

    expect_all_gone(all);
    expect_agent_death_reported(family.job().wait(), "was killed by SIGKILL");
  }
}

TEST(KillMatrixTest, Supervisor) {
  for (int i = 0; i < repeats(10); ++i) {
    Family family;
    ASSERT_TRUE(family.is_complete()) << family.describe();
    const std::vector<pid_t> all = family.all();

    ::kill(family.supervisor(), SIGKILL);

    expect_all_gone(all);
    expect_agent_death_reported(family.job().wait(), "the supervisor was killed");
  }
}

TEST(KillMatrixTest, ForkServer) {
  for (int i = 0; i < repeats(10); ++i) {
    Family family;
    ASSERT_TRUE(family.is_complete()) << family.describe();
    const std::vector<pid_t> all = family.all();
    const std::map<int, pid_t> ranks = family.ranks();
    const pid_t server = family.fork_server();

    ::kill(server, SIGKILL);

    EXPECT_TRUE(eventually(10s, [&] { return family.fork_server() != 0 && family.fork_server() != server; }));
    EXPECT_EQ(family.ranks(), ranks);
    for (const auto& [rank, pid] : ranks) EXPECT_TRUE(is_alive(pid)) << "rank " << rank << " must go on";
    family.job().signal(SIGKILL);
    expect_all_gone(all);
  }
}

TEST(KillMatrixTest, Rank) {
  for (int i = 0; i < repeats(10); ++i) {
    Family family(1);
    ASSERT_TRUE(family.is_complete()) << family.describe();
    std::vector<pid_t> all = family.all();
    const int victim = i % 2;

    ::kill(family.ranks().at(victim), SIGKILL);
    ASSERT_TRUE(family.job().wait_for_events("rank_ready", 4));
    const std::vector<pid_t> second = family.all();
    all.insert(all.end(), second.begin(), second.end());
    ::kill(family.ranks().at(1 - victim), SIGKILL);

    const JobResult result = family.job().wait();
    expect_all_gone(all);
    EXPECT_EQ(result.exit_code, 128 + SIGKILL) << result.describe();
    EXPECT_EQ(result.report.at("restarts"), 1);
    EXPECT_EQ(result.report.at("first_cause").at("rank"), 1 - victim) << result.describe();
    EXPECT_EQ(result.report.at("first_cause").at("signal"), SIGKILL);
    EXPECT_TRUE(std::filesystem::exists(result.run_directory / "logs/gen-1.1/rank-0.log"));
    EXPECT_TRUE(std::filesystem::exists(result.run_directory / "logs/gen-1.2/rank-0.log"));
  }
}

TEST(KillMatrixTest, Relative) {
  for (int i = 0; i < repeats(10); ++i) {
    Family family;
    ASSERT_TRUE(family.is_complete()) << family.describe();
    const std::vector<pid_t> all = family.all();
    const std::map<int, pid_t> ranks = family.ranks();

    ::kill(family.relatives().at(static_cast<size_t>(i) % kRelatives), SIGKILL);

    std::this_thread::sleep_for(50ms);  // whatever were to follow from it would have begun by then
    for (const auto& [rank, pid] : ranks) EXPECT_TRUE(is_alive(pid)) << "rank " << rank << " must go on";
    family.job().signal(SIGTERM);
    const JobResult result = family.job().wait(10s);
    EXPECT_FALSE(result.timed_out) << result.describe();
    expect_all_gone(all);
  }
}

/// The k-th process of the tree, whatever it is.
TEST(KillMatrixTest, AnyProcess) {
  for (size_t i = 0; i < kProcesses * static_cast<size_t>(repeats(3)); ++i) {
    const size_t k = i % kProcesses;
    Family family;
    ASSERT_TRUE(family.is_complete()) << family.describe();
    std::vector<pid_t> all;  // what makes a process may itself be one for a moment
    ASSERT_TRUE(eventually(5s, [&] { return (all = family.all()).size() == kProcesses; }));

    ::kill(all[k], SIGKILL);

    const bool ends_the_job = eventually(2s, [&] { return !is_alive(family.fabric_run()) || k == 0; });
    if (!ends_the_job) family.job().signal(SIGKILL);  // the fork server or a relative
    const JobResult result = family.job().wait();
    expect_all_gone(all);
    const bool must_report = ends_the_job && k != 0;
    EXPECT_TRUE(!must_report || result.report.is_object()) << "process " << k << '\n' << result.describe();
  }
}

}  // namespace
}  // namespace fabric
