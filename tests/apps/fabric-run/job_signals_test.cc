// What signals and terminals do to the real fabric-run; ranks do as PROGRAM_MODE says (fabric-agent/rank_program.cc).

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <optional>

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
using ::testing::HasSubstr;

std::string job_of(int ranks, const std::string& env, const std::string& more = "") {
  return "name: test\nprogram: " + std::string(FABRIC_NOTED_PROGRAM) +
         "\nfabric: {accelerator: cpu, strategy: auto, devices: " + std::to_string(ranks) + "}\nenv: {" + env + "}\n" +
         more;
}

/// Returns the first event of that name.
std::optional<json> event_of(const std::vector<json>& events, const std::string& name) {
  const auto found =
      std::find_if(events.begin(), events.end(), [&](const json& one) { return one.at("event") == name; });
  return found == events.end() ? std::nullopt : std::optional(*found);
}

std::chrono::nanoseconds between(const JobResult& result, const std::string& first, const std::string& second) {
  const auto from = event_of(result.events, first);
  const auto to = event_of(result.events, second);
  if (!from || !to) return -1ns;
  return std::chrono::nanoseconds(to->at("time_ns").get<int64_t>() - from->at("time_ns").get<int64_t>());
}

class JobSignalsTest : public ::testing::Test {
 protected:
  std::vector<std::string> job(int ranks, const std::string& env, const std::string& more = "") {
    return job_arguments(directory_, job_of(ranks, env, more));
  }
  TemporaryDirectory directory_;
};

// ---- how a job is stopped -----------------------------------------------------------------------------------------------

TEST_F(JobSignalsTest, StopsAllRanksAtTheStepThatTheSlowestCanReachLast) {
  RunningJob job(directory_, this->job(3, "PROGRAM_MODE: steps4, PROGRAM_MODE_1: steps6"));
  ASSERT_TRUE(job.wait_for_events("rank_ready", 3));

  job.signal(SIGINT);

  const JobResult result = job.wait(20s);
  EXPECT_EQ(result.exit_code, 75) << result.describe();
  EXPECT_EQ(result.report.at("outcome"), "requeue");
  EXPECT_EQ(result.report.at("reason"), "stopped by SIGINT at the end of step 7");
  for (const json& rank : result.report.at("ranks")) EXPECT_EQ(rank.at("last_step"), 7) << rank.dump(2);
  EXPECT_EQ(event_of(result.events, "stop_agreed")->at("step"), 7);
}

class StoppingSignalTest : public JobSignalsTest, public ::testing::WithParamInterface<int> {};

TEST_P(StoppingSignalTest, TheFirstOneStopsPolitelyAndTheSecondOneKills) {
  RunningJob job(directory_, this->job(2, "PROGRAM_MODE: ignore-sigterm"));
  ASSERT_TRUE(job.wait_for_events("rank_ready", 2));

  job.signal(GetParam());
  ASSERT_TRUE(job.wait_for_events("generation_stopping"));
  job.signal(GetParam());

  const JobResult result = job.wait(5s);  // the grace period is 10 s
  EXPECT_EQ(result.exit_code, 128 + GetParam()) << result.describe();
  EXPECT_EQ(event_of(result.events, "generation_stopping")->at("grace_ms"), 10'000);
  for (const json& rank : result.report.at("ranks")) EXPECT_EQ(rank.at("signal"), SIGKILL);
}

INSTANTIATE_TEST_SUITE_P(Signals, StoppingSignalTest, ::testing::Values(SIGINT, SIGTERM, SIGHUP),
                         [](const auto& tested) { return std::string(::sigabbrev_np(tested.param)); });

TEST_F(JobSignalsTest, RanksThatDoNotAnswerAreEndedWhenTheStopTimeoutIsOver) {
  RunningJob job(directory_, this->job(2, "PROGRAM_MODE: steps4, PROGRAM_MODE_1: stuck",
                                       "elastic: {stop_timeout: 200ms, grace: 5s}\n"));
  ASSERT_TRUE(job.wait_for_events("rank_ready", 2));

  job.signal(SIGTERM);

  const JobResult result = job.wait(20s);
  EXPECT_EQ(result.exit_code, 128 + SIGTERM) << result.describe();
  EXPECT_THAT(event_of(result.events, "generation_stopping")->at("reason").get<std::string>(),
              HasSubstr("within 200 ms"));
  EXPECT_GE(between(result, "stop_requested", "generation_stopping"), 200ms);
}

TEST_F(JobSignalsTest, ARankThatIgnoresSigtermIsKilledATenthOfASecondAfterTheGraceAtTheLatest) {
  RunningJob job(directory_, this->job(2, "PROGRAM_MODE: ignore-sigterm", "elastic: {grace: 500ms}\n"));
  ASSERT_TRUE(job.wait_for_events("rank_ready", 2));

  job.signal(SIGTERM);

  const JobResult result = job.wait(20s);
  EXPECT_EQ(result.exit_code, 128 + SIGTERM) << result.describe();
  for (const char* const start : {"stop_requested", "generation_stopping"}) {
    const auto time = between(result, start, "rank_exited");
    EXPECT_GE(time, 499ms) << start << " " << time.count() << " ns";  // by the wall clock, which may be slewed
    EXPECT_LE(time, 600ms) << start << " " << time.count() << " ns";
  }
}

TEST_F(JobSignalsTest, SigquitKillsTheRanksAtOnce) {
  RunningJob job(directory_, this->job(2, "PROGRAM_MODE: steps4"));
  ASSERT_TRUE(job.wait_for_events("rank_ready", 2));

  job.signal(SIGQUIT);

  const JobResult result = job.wait(20s);
  EXPECT_EQ(result.exit_code, 128 + SIGQUIT) << result.describe();
  for (const json& rank : result.report.at("ranks")) EXPECT_EQ(rank.at("signal"), SIGKILL);
}

TEST_F(JobSignalsTest, PassesUserSignalsToThoseRanksThatHandleThem) {
  RunningJob job(directory_, this->job(2, "PROGRAM_MODE: wait, PROGRAM_MODE_1: handle-usr1"));
  const auto log = directory_.path() / "runs/latest/logs/gen-1.1/rank-1.log";
  ASSERT_TRUE(eventually(30s, [&] { return std::filesystem::exists(log) && std::filesystem::file_size(log) > 0; }));

  job.signal(SIGUSR1);
  ASSERT_TRUE(job.wait_for_events("ranks_signaled", 1));
  job.signal(SIGUSR2);
  ASSERT_TRUE(job.wait_for_events("ranks_signaled", 2));
  ASSERT_TRUE(eventually(5s, [&] { return std::filesystem::file_size(log) > 6; }));
  job.signal(SIGTERM);

  const JobResult result = job.wait(20s);
  EXPECT_EQ(result.exit_code, 128 + SIGTERM) << result.describe();
  EXPECT_THAT(result.out, HasSubstr("[rank 1] got signal " + std::to_string(SIGUSR1)));
  EXPECT_EQ(event_of(result.events, "ranks_signaled")->at("ranks"), 1);
  EXPECT_EQ(event_of(result.events, "ranks_signaled")->at("signal"), SIGUSR1);
}

// ---- how it was started -------------------------------------------------------------------------------------------------

TEST_F(JobSignalsTest, UnderNohupAClosedTerminalChangesNothing) {
  RunningJob job(directory_, this->job(1, "PROGRAM_MODE: wait"), {.wrapper = {"/usr/bin/nohup"}});
  ASSERT_TRUE(job.wait_for_events("rank_ready"));

  job.signal(SIGHUP);
  job.signal(SIGUSR1);  // seen after SIGHUP would have been
  ASSERT_TRUE(job.wait_for_events("signal_requested"));
  EXPECT_FALSE(event_of(job.events(), "stop_requested"));
  job.signal(SIGTERM);

  EXPECT_EQ(job.wait(20s).exit_code, 128 + SIGTERM);
}

TEST_F(JobSignalsTest, InTheBackgroundOfAShellItIgnoresSigintAsTheShellWants) {
  RunningJob job(directory_, this->job(1, "PROGRAM_MODE: wait"),
                 {.wrapper = {"/bin/sh", "-c", "trap '' INT QUIT; exec \"$0\" \"$@\""}});
  ASSERT_TRUE(job.wait_for_events("rank_ready"));

  job.signal(SIGINT);
  job.signal(SIGQUIT);
  job.signal(SIGUSR1);
  ASSERT_TRUE(job.wait_for_events("signal_requested"));
  EXPECT_FALSE(event_of(job.events(), "stop_requested"));
  job.signal(SIGTERM);

  EXPECT_EQ(job.wait(20s).exit_code, 128 + SIGTERM);
}

// The shell becomes fabric-run, as the entry point of a container does, and leaves it two processes whose parents are gone.
TEST_F(JobSignalsTest, AsTheFirstProcessOfAContainerItReapsOrphansAndHeedsSignals) {
  if (std::system("/usr/bin/unshare --pid --fork --mount-proc true 2>/dev/null") != 0) {
    GTEST_SKIP() << "this needs the right to make a PID namespace (root, or unprivileged user namespaces)";
  }
  RunningJob job(directory_, this->job(2, "PROGRAM_MODE: wait"),
                 {.wrapper = {"/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh", "-c",
                              "(sleep 0.2 & sleep 0.4 &); exec \"$0\" \"$@\""}});
  ASSERT_TRUE(job.wait_for_events("rank_ready", 2));
  const pid_t init = children_of(job.pid()).at(0);

  EXPECT_TRUE(eventually(5s, [&] { return children_of(init).size() == 1; })) << "its agent alone";
  ::kill(init, SIGTERM);

  const JobResult result = job.wait(20s);
  EXPECT_EQ(result.exit_code, 128 + SIGTERM) << result.describe();
  EXPECT_EQ(result.report.at("outcome"), "stopped");
}

// ---- terminals ----------------------------------------------------------------------------------------------------------

/// fabric-run as the foreground job of a terminal of its own.
class TerminalTest : public JobSignalsTest {
 protected:
  ~TerminalTest() override {
    if (pid_ > 0 && exit_code_ < 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  void start(const std::string& env) {
    const std::vector<std::string> arguments = job(2, env);
    int terminal = -1;
    pid_ = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    if (pid_ == 0) {
      const bool entered = ::chdir(directory_.path().c_str()) == 0;
      const std::string program = std::string(FABRIC_BIN_DIR) + "/fabric-run";
      if (entered) ::execl(program.c_str(), program.c_str(), arguments[0].c_str(), nullptr);
      ::_exit(127);
    }
    terminal_ = terminal;
    ::fcntl(terminal_, F_SETFL, O_NONBLOCK);
  }
  std::vector<json> events() const {
    std::vector<json> events;
    std::ifstream lines(directory_.path() / "runs/latest/events.jsonl");
    for (std::string line; std::getline(lines, line) && !lines.eof();) events.push_back(json::parse(line));
    return events;
  }
  bool wait_for_events(const std::string& name, int count) {
    return eventually(30s, [&] {
      read_screen();
      const auto all = events();
      return std::count_if(all.begin(), all.end(), [&](const json& one) { return one.at("event") == name; }) >= count;
    });
  }
  void type(char key) const { ASSERT_EQ(::write(terminal_, &key, 1), 1); }
  void close_terminal() {
    ::close(terminal_);
    terminal_ = -1;
  }
  /// Returns the exit code as a shell shows it, -1 if fabric-run does not end.
  int wait() {
    int status = 0;
    const bool ended = eventually(20s, [&] {
      read_screen();
      return ::waitpid(pid_, &status, WNOHANG) == pid_;
    });
    if (ended) exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return exit_code_;
  }
  // A terminal that nobody reads holds up whoever writes to it.
  void read_screen() const {
    char bytes[4096];
    while (terminal_ >= 0 && ::read(terminal_, bytes, sizeof bytes) > 0) {
    }
  }
  json report() const { return json::parse(std::ifstream(directory_.path() / "runs/latest/report.json")); }

  pid_t pid_ = -1;
  int terminal_ = -1;
  int exit_code_ = -1;
};

constexpr char kControlC = 3;
constexpr char kControlBackslash = 28;

TEST_F(TerminalTest, ControlCReachesTheLauncherAloneAndStopsTheRanksAtAStep) {
  start("PROGRAM_MODE: steps4");
  ASSERT_TRUE(wait_for_events("rank_ready", 2));

  type(kControlC);

  EXPECT_EQ(wait(), 75);
  const json ended = report();
  for (const json& rank : ended.at("ranks")) EXPECT_EQ(rank.at("exit_code"), 75) << rank.dump(2);
  EXPECT_TRUE(ended.at("agent_failure").is_null());
}

TEST_F(TerminalTest, ControlBackslashKillsTheRanks) {
  start("PROGRAM_MODE: steps4");
  ASSERT_TRUE(wait_for_events("rank_ready", 2));

  type(kControlBackslash);

  EXPECT_EQ(wait(), 128 + SIGQUIT);
  const json ended = report();
  for (const json& rank : ended.at("ranks")) EXPECT_EQ(rank.at("signal"), SIGKILL) << rank.dump(2);
  EXPECT_TRUE(ended.at("agent_failure").is_null());
}

TEST_F(TerminalTest, ATerminalThatIsClosedStopsTheRanksAtAStep) {
  start("PROGRAM_MODE: steps4");
  ASSERT_TRUE(wait_for_events("rank_ready", 2));
  const std::vector<pid_t> processes = descendants_of(pid_);

  close_terminal();

  EXPECT_EQ(wait(), 75);
  EXPECT_THAT(report().at("reason").get<std::string>(), HasSubstr("stopped by SIGHUP"));
  EXPECT_TRUE(eventually(5s, [&] { return std::none_of(processes.begin(), processes.end(), is_alive); }));
}

}  // namespace
}  // namespace fabric::launcher
