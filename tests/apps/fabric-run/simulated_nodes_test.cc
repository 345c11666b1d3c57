// Several nodes on one machine, those that are lost among them, and runs that are cut off and go on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "process/cpu_topology.h"
#include "support/eventually.h"
#include "support/fabric_run.h"
#include "support/processes.h"

namespace fabric::launcher {
namespace {

using namespace std::chrono_literals;
using fabric::testing::children_of;
using fabric::testing::descendants_of;
using fabric::testing::eventually;
using fabric::testing::is_alive;
using fabric::testing::job_arguments;
using fabric::testing::JobResult;
using fabric::testing::RunningJob;
using fabric::testing::TemporaryDirectory;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

std::string job_of(const std::string& fabric, const std::string& mode, const std::string& more = "") {
  std::ostringstream job;
  job << "name: test\nprogram: " << FABRIC_NOTED_PROGRAM << "\nfabric: {accelerator: cpu, " << fabric
      << "}\nenv: {PROGRAM_MODE: " << mode << "}\n"
      << more;
  return job.str();
}

std::vector<json> events_of(const std::vector<json>& events, const std::string& name) {
  std::vector<json> found;
  for (const json& event : events) {
    if (event.at("event") == name) found.push_back(event);
  }
  return found;
}

class SimulatedNodesTest : public ::testing::Test {
 protected:
  std::vector<std::string> arguments(const std::string& job, const std::vector<std::string>& flags = {}) {
    return job_arguments(directory_, job, flags);
  }
  /// The process id of the agent of that name.
  static pid_t agent(const RunningJob& job, const std::string& id) {
    for (const pid_t child : children_of(job.pid())) {
      std::ifstream file("/proc/" + std::to_string(child) + "/cmdline");
      std::string line;
      std::getline(file, line);
      if (line.find("--agent-id=" + id + '\0') != std::string::npos) return child;
    }
    ADD_FAILURE() << "there is no agent '" << id << "'";
    return -1;
  }

  TemporaryDirectory directory_;
};

TEST_F(SimulatedNodesTest, HaveAgentsNamesAndRanksOfTheirOwn) {
  const JobResult result =
      RunningJob(directory_, arguments(job_of("devices: 2, num_nodes: 3", "train"), {"--simulate-nodes", "3"})).wait();

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  std::map<int, std::string> node_of;
  for (const json& event : events_of(result.events, "rank_exited")) node_of[event.at("rank")] = event.at("node");
  ASSERT_EQ(node_of.size(), 6u);
  std::set<std::string> nodes;
  for (const auto& [rank, node] : node_of) {
    nodes.insert(node);
    EXPECT_EQ(node, node_of[rank / 2 * 2]) << "the ranks of a node are consecutive";
  }
  EXPECT_THAT(nodes, ElementsAre("node0", "node1", "node2"));
  EXPECT_EQ(events_of(result.events, "run_started").front().at("environment"), "simulated");
}

TEST_F(SimulatedNodesTest, ShareTheCoresOfTheMachine) {
  const size_t cores = process::allowed_cpus().size();
  if (cores < 2) GTEST_SKIP() << "there must be two cores to be shared, but there is " << cores;
  const JobResult result = RunningJob(directory_, arguments(job_of("devices: 1, num_nodes: 2", "setup"),
                                                            {"--simulate-nodes", "2", "--no-fold"}))
                               .wait();

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  std::multiset<std::string> cpus;
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find("] cpus ");
    if (at == std::string::npos) continue;
    std::istringstream numbers(line.substr(at + 7));
    for (std::string number; numbers >> number;) cpus.insert(number);
  }
  EXPECT_EQ(cpus.size(), std::set<std::string>(cpus.begin(), cpus.end()).size()) << "no core is of two nodes";
  EXPECT_GE(cpus.size(), 2u) << result.out;
}

TEST_F(SimulatedNodesTest, AreSparesBeyondTheMostThatTheJobTakes) {
  const JobResult result =
      RunningJob(directory_, arguments(job_of("devices: 1", "train", "cluster: {simulate_nodes: 2}\n"))).wait();

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(events_of(result.events, "rank_exited").size(), 1u);
}

TEST_F(SimulatedNodesTest, GoOnWithoutOneThatIsLost) {
  RunningJob job(directory_, arguments(job_of("devices: 1, num_nodes: 3", "train-later", "elastic: {min_nodes: 2}\n"),
                                       {"--simulate-nodes", "3"}));
  ASSERT_TRUE(job.wait_for_events("rank_ready", 3));
  const pid_t lost = agent(job, "node1");
  const std::vector<pid_t> processes = descendants_of(lost);

  ::kill(lost, SIGKILL);

  const JobResult result = job.wait();
  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(result.report.at("generation"), "1.2");
  EXPECT_EQ(result.report.at("restarts"), 0) << "a node that is lost costs none";
  EXPECT_EQ(events_of(result.events, "agent_ended").size(), 1u);
  EXPECT_THAT(events_of(result.events, "agent_ended").front().at("reason").get<std::string>(), HasSubstr("SIGKILL"));
  EXPECT_EQ(result.report.at("ranks").size(), 2u);
  EXPECT_TRUE(std::none_of(processes.begin(), processes.end(), is_alive));
}

TEST_F(SimulatedNodesTest, GetAnotherAgentForOneThatIsLost) {
  RunningJob job(directory_, arguments(job_of("devices: 1, num_nodes: 2", "train-later"), {"--simulate-nodes", "2"}));
  ASSERT_TRUE(job.wait_for_events("rank_ready", 2));

  ::kill(agent(job, "node1"), SIGKILL);

  const JobResult result = job.wait();
  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(result.report.at("generation"), "1.2");
  std::vector<std::string> agents;
  for (const json& event : events_of(result.events, "agent_joined")) agents.push_back(event.at("agent"));
  EXPECT_THAT(agents, IsSupersetOf({"node0", "node1", "node1.2"}));
  EXPECT_TRUE(std::filesystem::exists(result.run_directory / "logs/agent-node1.2.log"));
}

TEST_F(SimulatedNodesTest, EndTheJobWithTheLastAgent) {
  RunningJob job(directory_, arguments(job_of("devices: 1, num_nodes: 2", "wait"), {"--simulate-nodes", "2"}));
  ASSERT_TRUE(job.wait_for_events("rank_ready", 2));
  const std::vector<pid_t> processes = descendants_of(job.pid());

  for (const pid_t child : children_of(job.pid())) ::kill(child, SIGKILL);

  const JobResult result = job.wait();
  EXPECT_EQ(result.exit_code, 1) << result.describe();
  EXPECT_THAT(result.report.at("agent_failure").get<std::string>(), HasSubstr("SIGKILL"));
  EXPECT_TRUE(eventually(5s, [&] { return std::none_of(processes.begin(), processes.end(), is_alive); }));
}

class CutRunTest : public SimulatedNodesTest {
 protected:
  /// Kills fabric-run while its ranks wait, and waits until all of its processes are gone.
  void cut_off(const std::string& job_text) {
    RunningJob job(directory_, arguments(job_text, {"--run-id", "mine"}));
    ASSERT_TRUE(job.wait_for_events("rank_ready"));
    const std::vector<pid_t> processes = descendants_of(job.pid());
    job.signal(SIGKILL);
    EXPECT_EQ(job.wait().exit_code, 128 + SIGKILL);
    ASSERT_TRUE(eventually(5s, [&] { return std::none_of(processes.begin(), processes.end(), is_alive); }));
  }
};

TEST_F(CutRunTest, GoesOnInANewTerm) {
  const std::string job = job_of("devices: 1", "train-later");
  cut_off(job);

  const JobResult result = RunningJob(directory_, arguments(job, {"--run-id", "mine"})).wait();

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(result.report.at("generation").get<std::string>().substr(0, 2), "2.");
  EXPECT_EQ(events_of(result.events, "coordinator_returned").size(), 1u);
  EXPECT_EQ(events_of(result.events, "run_started").size(), 2u) << "events of both lives";
  EXPECT_TRUE(std::filesystem::exists(result.run_directory / "logs/gen-1.1/rank-0.log"));
}

TEST_F(CutRunTest, RefusesAnotherJob) {
  cut_off(job_of("devices: 1", "wait"));

  const JobResult result = RunningJob(directory_, arguments(job_of("devices: 2", "wait"), {"--run-id", "mine"})).wait();

  EXPECT_EQ(result.exit_code, 2) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("must go on with the same job"));
}

TEST_F(CutRunTest, RefusesARunThatGoesOn) {
  const std::string job_text = job_of("devices: 1", "wait");
  RunningJob job(directory_, arguments(job_text, {"--run-id", "mine"}));
  ASSERT_TRUE(job.wait_for_events("rank_ready"));
  std::ostringstream words;
  words << std::string(FABRIC_BIN_DIR) << "/fabric-run " << directory_.file("job.yaml") << " --run-id mine --run-dir "
        << (directory_.path() / "runs").string() << " > " << directory_.file("second") << " 2>&1";

  EXPECT_NE(std::system(words.str().c_str()), 0);

  std::ostringstream said;
  said << std::ifstream(directory_.file("second")).rdbuf();
  EXPECT_THAT(said.str(), HasSubstr("a job has one coordinator at a time"));
  EXPECT_TRUE(is_alive(job.pid()));
}

TEST_F(SimulatedNodesTest, GiveEachRankWhatItsMacrosStandFor) {
  const std::string job = job_of("devices: 1, num_nodes: 2", "environment, OUT: 'out-${rank}-of-${world_size} $${x}'");

  const JobResult result = RunningJob(directory_, arguments(job, {"--simulate-nodes", "2", "--no-fold"})).wait();

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.out, AllOf(HasSubstr("[rank 0] OUT=out-0-of-2 ${x}"), HasSubstr("[rank 1] OUT=out-1-of-2 ${x}")));
}

TEST_F(SimulatedNodesTest, TalkOverTheInterfaceThatTheJobNames) {
  const std::string job = job_of("devices: 1, num_nodes: 2", "environment");
  const auto run = [&](const std::string& interface) {
    return RunningJob(directory_, arguments(job + "network: {interface: " + interface + "}\n",
                                            {"--simulate-nodes", "2", "--no-fold"}))
        .wait();
  };

  const JobResult good = run("lo");
  const JobResult bad = run("none0");

  EXPECT_EQ(good.exit_code, 0) << good.describe();
  EXPECT_THAT(good.out, HasSubstr("NCCL_SOCKET_IFNAME==lo"));
  EXPECT_EQ(bad.exit_code, 78);
  EXPECT_THAT(bad.err,
              AllOf(HasSubstr("job.yaml:5:22: 'network.interface' must be a network interface that is up and has "
                              "an address, but 'none0' is none; this host has "),
                    HasSubstr("lo (127.0.0.1)")));
}

TEST_F(SimulatedNodesTest, WriteDownWhatTheCoordinatorIsGiven) {
  const JobResult result =
      RunningJob(directory_, arguments(job_of("devices: 1", "train", "logging: {coordinator: true}\n"))).wait();

  ASSERT_EQ(result.exit_code, 0) << result.describe();
  std::ostringstream log;
  log << std::ifstream(result.run_directory / "coordinator-1.log").rdbuf();
  EXPECT_THAT(log.str(), HasSubstr("node0"));
}

}  // namespace
}  // namespace fabric::launcher
