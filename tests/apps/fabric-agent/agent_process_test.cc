// The whole program, link and supervisor, against a real CoordinatorServer.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <csignal>
#include <fstream>
#include <mutex>
#include <optional>
#include <thread>

#include "control/coordinator_server.h"
#include "core/version.h"
#include "process/child.h"
#include "process/event_loop.h"
#include "process/output_pump.h"
#include "process/reaper.h"
#include "support/eventually.h"
#include "support/processes.h"
#include "support/temporary_directory.h"

namespace fabric::agent {
namespace {

using namespace std::chrono_literals;
using fabric::testing::children_of;
using fabric::testing::eventually;
using fabric::testing::is_alive;
using ::testing::HasSubstr;

class AgentProcessTest : public ::testing::Test {
 protected:
  AgentProcessTest() : loop_(std::move(*process::EventLoop::create(clock_))) {
    EXPECT_TRUE(process::become_subreaper().ok());
    control::CoordinatorServer::Callbacks callbacks;
    callbacks.joined = [this](control::ConnectionId connection, Join join) {
      const std::lock_guard lock(mutex_);
      connection_ = connection;
      messages_.emplace_back(std::move(join));
    };
    callbacks.message = [this](control::ConnectionId, AgentMessage message) {
      const std::lock_guard lock(mutex_);
      if (const auto* beat = std::get_if<Heartbeat>(&message); beat != nullptr && acknowledges_) {
        acknowledge(beat->sequence);
      }
      messages_.push_back(std::move(message));
    };
    callbacks.closed = [this](control::ConnectionId, const Status& status) {
      const std::lock_guard lock(mutex_);
      closed_ = status;
    };
    callbacks.wake_at = [](TimePoint) {};
    server_ = std::move(*control::CoordinatorServer::create(clock_, std::move(callbacks)));
  }
  ~AgentProcessTest() override {
    agent_.reset();
    server_.reset();
    process::kill_all_descendants(5s, clock_);
  }

  void acknowledge(uint64_t sequence) { server_->send(connection_, HeartbeatAck{sequence}); }
  void start_agent() {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const UniqueFd agents_end(ends[1]);
    process::ChildOptions options;
    options.program = FABRIC_AGENT_PROGRAM;
    options.arguments = {"--coordinator-fd", "5", "--agent-id", "node0", "--worker", FABRIC_RANK_PROGRAM};
    options.environment = {"PATH=/usr/bin:/bin"};
    options.inherit = {{agents_end.get(), 5}};
    agent_ = std::move(*process::Child::spawn(options));
    ASSERT_TRUE(server_->adopt(UniqueFd(ends[0])).ok());
    ASSERT_TRUE(eventually(5s, [this] { return !all<Join>().empty(); }));
    server_->send(connection_, Welcome{20, 400});
  }
  void start_generation(const std::string& mode, int ranks) {
    GenerationPlan plan;
    plan.generation = {1, 1};
    plan.run_directory = directory_.path().string();
    plan.world_size = plan.local_world_size = ranks;
    plan.env = {{"PROGRAM_MODE", mode}};
    server_->open_store(plan.generation);
    server_->send(connection_, StartGeneration{plan});
  }
  // Starts ranks of which the first leaves a process in a session of its own; returns all processes of the agent.
  std::vector<pid_t> start_everything() {
    GenerationPlan plan;
    plan.generation = {1, 1};
    plan.run_directory = directory_.path().string();
    plan.world_size = plan.local_world_size = 3;
    plan.env = {{"PROGRAM_MODE", "ignore-sigterm"}, {"PROGRAM_MODE_0", "grandchild"}};
    server_->send(connection_, StartGeneration{plan});
    std::vector<pid_t> pids = {agent_->pid(), children_of(agent_->pid()).at(0)};
    EXPECT_TRUE(
        eventually(5s, [&] { return ready() == 3 && !all<LogLines>().empty() && all<RankExited>().size() == 1; }))
        << ready() << " ready, " << all<LogLines>().size() << " lines, " << all<RankExited>().size() << " exited, "
        << all<GenerationStopped>().size() << " stopped";
    if (all<LogLines>().empty()) return pids;
    pids.push_back(std::stoi(all<LogLines>().front().lines.front().substr(std::string("grandchild ").size())));
    for (const RankProgress& progress : all<RankProgress>()) pids.push_back(progress.pid);
    return pids;
  }
  size_t ready() {
    size_t count = 0;
    for (const RankProgress& progress : all<RankProgress>()) count += progress.phase == RankPhase::kReady;
    return count;
  }
  static bool none_alive(const std::vector<pid_t>& pids) {
    for (const pid_t pid : pids) {
      if (is_alive(pid)) return false;
    }
    return true;
  }
  template <class T>
  std::vector<T> all() {
    const std::lock_guard lock(mutex_);
    std::vector<T> found;
    for (const AgentMessage& message : messages_) {
      if (const T* one = std::get_if<T>(&message)) found.push_back(*one);
    }
    return found;
  }
  process::ChildExit wait_for_agent() {
    process::ChildExit result;
    EXPECT_TRUE(agent_
                    ->watch(*loop_,
                            [&](process::ChildExit exit) {
                              result = exit;
                              loop_->stop();
                            })
                    .ok());
    loop_->call_after(10s, [this] {
      ADD_FAILURE() << "the agent goes on";
      loop_->stop();
    });
    loop_->run();
    return result;
  }

  SystemClock clock_;
  std::unique_ptr<process::EventLoop> loop_;
  testing::TemporaryDirectory directory_;
  std::mutex mutex_;
  std::vector<AgentMessage> messages_;
  control::ConnectionId connection_;
  std::optional<Status> closed_;
  std::atomic<bool> acknowledges_ = true;
  std::unique_ptr<control::CoordinatorServer> server_;
  std::unique_ptr<process::Child> agent_;
};

TEST_F(AgentProcessTest, RunsAGenerationAndEndsAsItIsTold) {
  start_agent();
  start_generation("train", 2);
  ASSERT_TRUE(eventually(5s, [this] { return !all<GenerationStopped>().empty(); }));
  EXPECT_EQ(all<RankExited>().size(), 2u);
  EXPECT_TRUE(all<RankExited>().front().report.ok());

  server_->send(connection_, Shutdown{75, "requeue"});

  EXPECT_EQ(wait_for_agent().exit_code, 75);
  ASSERT_EQ(all<Goodbye>().size(), 1u);
  EXPECT_EQ(all<Goodbye>().front().reason, "requeue");
}

TEST_F(AgentProcessTest, CarriesStoreCallsToTheCoordinator) {
  start_agent();
  start_generation("store-set", 1);

  ASSERT_TRUE(eventually(5s, [this] { return !all<GenerationStopped>().empty(); }));

  EXPECT_EQ(all<LogLines>().front().lines, std::vector<std::string>{"value answer"});
}

TEST_F(AgentProcessTest, LeavesNothingWhenTheLinkIsKilled) {
  start_agent();
  const std::vector<pid_t> pids = start_everything();

  ::kill(pids[0], SIGKILL);

  EXPECT_TRUE(eventually(1s, [&] { return none_alive(pids); }));
}

TEST_F(AgentProcessTest, LeavesNothingWhenTheSupervisorIsKilled) {
  start_agent();
  const std::vector<pid_t> pids = start_everything();

  ::kill(pids[1], SIGKILL);

  EXPECT_TRUE(eventually(1s, [&] { return none_alive({pids.begin() + 1, pids.end()}); }));
  EXPECT_EQ(wait_for_agent().exit_code, 1);
}

TEST_F(AgentProcessTest, EndsItsRanksWhenTheCoordinatorIsGone) {
  start_agent();
  const std::vector<pid_t> pids = start_everything();

  server_.reset();

  EXPECT_EQ(wait_for_agent().exit_code, 1);
  EXPECT_TRUE(none_alive(pids));
}

TEST_F(AgentProcessTest, EndsItsRanksOnSigterm) {
  start_agent();
  const std::vector<pid_t> pids = start_everything();

  ::kill(pids[0], SIGTERM);

  EXPECT_EQ(wait_for_agent().exit_code, 128 + SIGTERM);
  EXPECT_TRUE(none_alive(pids));
  EXPECT_TRUE(eventually(5s, [this] { return !all<Goodbye>().empty(); }));
  EXPECT_TRUE(all<GenerationStopped>().empty());
}

TEST_F(AgentProcessTest, EndsItsRanksWhenNoBeatIsAcknowledged) {
  start_agent();
  const std::vector<pid_t> pids = start_everything();

  acknowledges_ = false;

  ASSERT_TRUE(eventually(5s, [this] { return !all<GenerationStopped>().empty(); }));
  EXPECT_TRUE(none_alive({pids.begin() + 2, pids.end()}));
  EXPECT_THAT(all<RankExited>().back().report.message, HasSubstr("lease"));
}

TEST_F(AgentProcessTest, KeepsItsTwoProcessesSmall) {
  start_agent();
  start_generation("wait", 2);
  ASSERT_TRUE(eventually(5s, [this] { return ready() == 2; }));

  for (const pid_t pid : {agent_->pid(), children_of(agent_->pid()).at(0)}) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string word; status >> word;) {
      if (word != "VmRSS:") continue;
      int kibibytes = 0;
      status >> kibibytes;
      RecordProperty(pid == agent_->pid() ? "link_kib" : "supervisor_kib", kibibytes);
      EXPECT_LE(kibibytes, 20 * 1024 * FABRIC_MEMORY_FACTOR);
    }
  }
}

class CommandLineTest : public ::testing::Test {
 protected:
  // Runs the agent with `arguments`; its output is in output_.
  int run(const std::vector<std::string>& arguments) {
    process::ChildOptions options;
    options.program = FABRIC_AGENT_PROGRAM;
    options.arguments = arguments;
    options.stdout_to = options.stderr_to = process::ChildStream::kPipe;
    const auto child = std::move(*process::Child::spawn(options));
    int exit_code = -1;
    int open = 3;
    const auto closed = [&] {
      if (--open == 0) loop_->stop();
    };
    const auto pump = [&](UniqueFd pipe) {
      process::OutputSink sink;
      sink.text = [this](std::string_view text) { output_ += text; };
      sink.closed = closed;
      return std::move(*process::OutputPump::create(*loop_, std::move(pipe), std::move(sink)));
    };
    const auto out = pump(child->take_stdout());
    const auto err = pump(child->take_stderr());
    EXPECT_TRUE(child
                    ->watch(*loop_,
                            [&](process::ChildExit exit) {
                              exit_code = exit.exit_code;
                              closed();
                            })
                    .ok());
    loop_->run();
    return exit_code;
  }

  SystemClock clock_;
  std::unique_ptr<process::EventLoop> loop_ = std::move(*process::EventLoop::create(clock_));
  std::string output_;
};

TEST_F(CommandLineTest, TellsVersionAndHelp) {
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_EQ(output_, std::string("fabric-agent ") + kVersion + "\n");
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_THAT(output_, HasSubstr("--coordinator-fd"));
}

TEST_F(CommandLineTest, RefusesWhatIsWrong) {
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(run({"--coordinator-fd", "5", "--agent-id", "../x"}), 2);
  EXPECT_EQ(run({"--coordinator-fd", "5", "--agent-id", "x", "--log-level", "loud"}), 2);
}

TEST_F(CommandLineTest, NamesADescriptorThatIsNotOpen) {
  EXPECT_EQ(run({"--coordinator-fd", "77", "--agent-id", "x"}), 1);
  EXPECT_THAT(output_, HasSubstr("descriptor 77 of --coordinator-fd"));
}

}  // namespace
}  // namespace fabric::agent
