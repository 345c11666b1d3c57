// What the real fabric-run shows, and where nothing can be shown: its ranks do as PROGRAM_MODE says
// (fabric-agent/rank_program.cc).

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "support/fabric_run.h"
#include "support/processes.h"
#include "support/terminal.h"

namespace fabric::launcher {
namespace {

using namespace std::chrono_literals;
using fabric::testing::children_of;
using fabric::testing::job_arguments;
using fabric::testing::JobResult;
using fabric::testing::JobStart;
using fabric::testing::RunningJob;
using fabric::testing::TemporaryDirectory;
using fabric::testing::Terminal;
using fabric::testing::TerminalScreen;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr unsigned short kColumns = 200;

class JobOutputTest : public ::testing::Test {
 protected:
  JobOutputTest() : terminal_(kColumns, 24), screen_(kColumns) {
    ::setenv("TERM", "xterm", 1);
    ::unsetenv("NO_COLOR");
  }

  std::vector<std::string> job_of(int ranks, const std::string& mode, const std::vector<std::string>& flags = {}) {
    std::ostringstream job;
    job << "name: test\nprogram: " << FABRIC_NOTED_PROGRAM
        << "\nfabric: {accelerator: cpu, strategy: auto, devices: " << ranks << "}\nenv: {PROGRAM_MODE: " << mode
        << "}\n";
    return job_arguments(directory_, job.str(), flags);
  }
  JobStart on_terminal() { return {{}, terminal_.program_fd(), terminal_.program_fd()}; }
  /// Reads what comes to the terminal until `predicate` holds or the job has closed it; ten seconds at most.
  bool watch(const std::function<bool()>& predicate) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!predicate()) {
      if (terminal_.is_at_end() || std::chrono::steady_clock::now() > end) return false;
      const std::string bytes = terminal_.read(10);
      bytes_ += bytes;
      screen_.feed(bytes);
    }
    return true;
  }
  void watch_to_the_end() {
    terminal_.close_program_side();
    watch([] { return false; });
    EXPECT_TRUE(terminal_.is_at_end());
  }
  std::string log_of(int rank) const {
    std::ostringstream text;
    const std::string name = "rank-" + std::to_string(rank) + ".log";
    text << std::ifstream(directory_.path() / "runs" / "latest" / "logs" / "gen-1.1" / name).rdbuf();
    return text.str();
  }
  TemporaryDirectory directory_;
  Terminal terminal_;
  TerminalScreen screen_;
  std::string bytes_;
};

TEST_F(JobOutputTest, ShowsEveryLineWholeAboveTheLinesAboutItsRanks) {
  RunningJob job(directory_, job_of(2, "steps", {"--no-color"}), on_terminal());

  EXPECT_TRUE(watch([this] { return bytes_.find("rank 1  step") != std::string::npos; }));
  watch_to_the_end();

  ASSERT_EQ(job.wait().exit_code, 0) << bytes_;
  const std::vector<std::string> lines = screen_.lines();
  for (const int rank : {0, 1}) {
    std::ostringstream seen;
    for (const std::string& line : lines) {
      const std::string prefix = "[rank " + std::to_string(rank) + "] ";
      if (line.starts_with(prefix) || line.starts_with("[ranks 0,1] "))
        seen << line.substr(line.find("] ") + 2) << '\n';
    }
    EXPECT_EQ(seen.str(), log_of(rank));
  }
  EXPECT_THAT(lines, Contains(StartsWith("[ranks 0,1] tick ")));
  EXPECT_THAT(lines, Not(Contains(StartsWith("rank "))));
  EXPECT_EQ(screen_.column(), 0u);
  EXPECT_EQ(screen_.row(), lines.size());
  EXPECT_TRUE(screen_.unknown().empty());
}

TEST_F(JobOutputTest, LeavesTheTerminalCleanWhenItIsStopped) {
  RunningJob job(directory_, job_of(2, "ignore-sigterm"), on_terminal());
  ASSERT_TRUE(watch([this] { return bytes_.find("rank 1  step 1") != std::string::npos; }));

  job.signal(SIGTERM);
  EXPECT_TRUE(watch([this] { return bytes_.find("once more kills") != std::string::npos; }));
  job.signal(SIGTERM);
  watch_to_the_end();

  EXPECT_EQ(job.wait().exit_code, 128 + SIGTERM);
  EXPECT_THAT(screen_.lines(), Not(Contains(StartsWith("rank "))));
  EXPECT_EQ(screen_.column(), 0u);
  EXPECT_EQ(screen_.row(), screen_.lines().size());
}

TEST_F(JobOutputTest, DrawsNothingOnADumbTerminalOrWhereToldSo) {
  RunningJob plain(directory_, job_of(2, "steps", {"--no-color", "--no-live", "--run-id", "plain"}), on_terminal());
  watch([&] { return plain.wait_for_events("job_finished", 1, 0s); });
  EXPECT_EQ(plain.wait().exit_code, 0);
  ::setenv("TERM", "dumb", 1);
  RunningJob dumb(directory_, job_of(2, "steps", {"--no-color", "--run-id", "dumb"}), on_terminal());

  watch_to_the_end();

  EXPECT_EQ(dumb.wait().exit_code, 0);
  EXPECT_THAT(bytes_, AllOf(HasSubstr("] step 39 of rank 1\r\n"), Not(HasSubstr("\033"))));
}

TEST_F(JobOutputTest, GoesOnWhenItsTerminalIsClosed) {
  RunningJob job(directory_, job_of(2, "steps"), on_terminal());
  ASSERT_TRUE(watch([this] { return bytes_.find("rank 1  step") != std::string::npos; }));

  terminal_.hang_up();

  const JobResult result = job.wait();
  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(log_of(1), HasSubstr("step 39 of rank 1\n"));
}

TEST_F(JobOutputTest, WritesPlainTextUnderNohup) {
  JobStart start = on_terminal();
  start.wrapper = {"/usr/bin/nohup"};
  RunningJob job(directory_, job_of(2, "steps"), start);
  ASSERT_TRUE(job.wait_for_events("rank_ready", 2));

  terminal_.hang_up();

  EXPECT_EQ(job.wait().exit_code, 0);
  std::ostringstream text;
  text << std::ifstream(directory_.file("nohup.out")).rdbuf();
  EXPECT_THAT(text.str(), AllOf(HasSubstr("] step 39 of rank 1\n"), Not(HasSubstr("\033"))));
}

TEST_F(JobOutputTest, GoesOnWhenThePipeOfItsOutputIsClosed) {
  job_of(1, "flood");
  const std::string command = "cd " + directory_.path().string() + " && " + FABRIC_BIN_DIR +
                              "/fabric-run job.yaml 2>&1 | head -n 1 >/dev/null; exit ${PIPESTATUS[0]}";

  const int status = std::system(("bash -c '" + command + "'").c_str());

  EXPECT_EQ(status, 0);
  EXPECT_EQ(log_of(0).size(), 200u * 1000 * 80 + 13) << "the log has every line";
}

TEST_F(JobOutputTest, GoesOnWhenItsReaderStandsStill) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  RunningJob job(directory_, job_of(1, "flood"), {{}, -1, writer.get()});
  writer.reset();

  ASSERT_TRUE(job.wait_for_events("job_finished"));
  std::string text;
  std::array<char, 65'536> buffer;
  for (ssize_t got = 0; (got = ::read(reader.get(), buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<size_t>(got));

  EXPECT_EQ(job.wait().exit_code, 0);
  EXPECT_THAT(text, AllOf(HasSubstr("lines are missing here"), HasSubstr("[rank 0] xxxx")));
  EXPECT_EQ(log_of(0).size(), 200u * 1000 * 80 + 13) << "the log has every line";
}

TEST_F(JobOutputTest, SaysThatItsStdoutIsFull) {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  RunningJob job(directory_, job_of(1, "steps"), {{}, full.get(), -1});

  const JobResult result = job.wait();

  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_THAT(result.err, HasSubstr("fabric-run: stdout is incomplete: cannot write output: No space left on device"));
  EXPECT_THAT(log_of(0), HasSubstr("step 39 of rank 0\n"));
}

TEST_F(JobOutputTest, SaysOnceThatEventsCannotBeWritten) {
  RunningJob job(directory_, job_of(1, "wait", {"--no-live"}), on_terminal());
  ASSERT_TRUE(job.wait_for_events("rank_ready"));
  const auto events = directory_.path() / "runs" / "latest" / "events.jsonl";
  const rlimit full{std::filesystem::file_size(events) + 5, RLIM_INFINITY};
  ASSERT_EQ(::prlimit(job.pid(), RLIMIT_FSIZE, &full, nullptr), 0);

  job.signal(SIGTERM);
  watch_to_the_end();

  EXPECT_EQ(job.wait().exit_code, 128 + SIGTERM);
  const size_t first = bytes_.find("events are missing from now on");
  EXPECT_NE(first, std::string::npos) << bytes_;
  EXPECT_EQ(bytes_.find("events are missing from now on", first + 1), std::string::npos) << bytes_;
}

TEST_F(JobOutputTest, ShowsTheLinesOfARankWhoseLogIsFull) {
  RunningJob job(directory_, job_of(1, "steps"));
  ASSERT_TRUE(job.wait_for_events("rank_ready"));
  const pid_t supervisor = children_of(children_of(job.pid()).at(0)).at(0);
  const rlimit full{100, RLIM_INFINITY};
  ASSERT_EQ(::prlimit(supervisor, RLIMIT_FSIZE, &full, nullptr), 0);

  const JobResult result = job.wait();

  EXPECT_EQ(result.exit_code, 0) << result.describe();
  EXPECT_EQ(log_of(0).size(), 100u);
  EXPECT_THAT(result.out, HasSubstr("[rank 0] step 39 of rank 0\n"));
  const size_t first = result.err.find("a rank's log has failed");
  EXPECT_NE(first, std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("a rank's log has failed", first + 1), std::string::npos) << result.err;
  EXPECT_THAT(result.err, HasSubstr("File too large"));
}

}  // namespace
}  // namespace fabric::launcher
