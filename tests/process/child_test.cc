#include "process/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "process/event_loop.h"
#include "process/output_pump.h"
#include "process/signals.h"
#include "support/eventually.h"
#include "support/processes.h"

namespace fabric::process {
namespace {

using namespace std::chrono_literals;

class ChildTest : public ::testing::Test {
 protected:
  ChildTest() : loop_(std::move(*EventLoop::create(clock_))) {}

  static ChildOptions shell(const std::string& script) {
    ChildOptions options;
    options.program = "/bin/sh";
    options.arguments = {"-c", script};
    options.stdout_to = ChildStream::kPipe;
    options.stderr_to = ChildStream::kPipe;
    return options;
  }
  // Runs the child to its end.
  ChildExit run(const ChildOptions& options) {
    Result<std::unique_ptr<Child>> child = Child::spawn(options);
    EXPECT_TRUE(child.ok()) << child.status().to_string();
    return child.ok() ? finish(**child) : ChildExit{};
  }
  ChildExit finish(Child& child) {
    ChildExit result;
    int open = 1;
    const auto closed = [&] {
      if (--open == 0) loop_->stop();
    };
    OutputSink sink;
    sink.text = [this](std::string_view text) { output_ += text; };
    sink.closed = closed;
    std::unique_ptr<OutputPump> pump;
    if (UniqueFd pipe = child.take_stdout()) {
      ++open;
      pump = std::move(*OutputPump::create(*loop_, std::move(pipe), std::move(sink)));
    }
    EXPECT_TRUE(child
                    .watch(*loop_,
                           [&](ChildExit status) {
                             result = status;
                             closed();
                           })
                    .ok());
    loop_->run();
    return result;
  }

  SystemClock clock_;
  std::unique_ptr<EventLoop> loop_;
  std::string output_;
};

TEST_F(ChildTest, GivesArgumentsEnvironmentAndDirectory) {
  ChildOptions options = shell("printf '%s|' \"$1\" \"$NAME\"; pwd; env | wc -l");
  options.arguments.insert(options.arguments.end(), {"sh", "a b\"c"});
  options.environment = {"NAME=some value", "PATH=/usr/bin:/bin"};
  options.setup.working_directory = "/usr";

  EXPECT_TRUE(run(options).ok());

  EXPECT_EQ(output_.substr(0, output_.find('\n')), "a b\"c|some value|/usr");
}

TEST_F(ChildTest, ReportsExitCodeAndSignal) {
  EXPECT_EQ(run(shell("exit 3")).exit_code, 3);
  EXPECT_EQ(run(shell("kill -TERM $$")).signal, SIGTERM);
}

TEST_F(ChildTest, NamesTheProgramThatCannotBeExecuted) {
  ChildOptions options = shell("");
  options.program = "/nowhere/program";

  const Result<std::unique_ptr<Child>> child = Child::spawn(options);

  EXPECT_EQ(child.status().code(), StatusCode::kNotFound);
  EXPECT_EQ(child.status().message(), "cannot start program '/nowhere/program': No such file or directory");
}

TEST_F(ChildTest, NamesTheWorkingDirectoryThatCannotBeEntered) {
  ChildOptions options = shell("");
  options.setup.working_directory = "/nowhere";

  const Result<std::unique_ptr<Child>> child = Child::spawn(options);

  EXPECT_EQ(child.status().code(), StatusCode::kNotFound);
  EXPECT_NE(child.status().message().find("'/nowhere'"), std::string::npos);
}

TEST_F(ChildTest, SetsCoresAndLimits) {
  ChildOptions options = shell("ulimit -n; ulimit -v; ulimit -c; grep Cpus_allowed_list /proc/self/status");
  options.environment = {"PATH=/usr/bin:/bin"};
  options.setup.cores = {0};
  options.setup.limits = {.core_bytes = 0, .open_files = 64, .address_space_bytes = int64_t{1} << 30, .processes = -1};

  EXPECT_TRUE(run(options).ok());

  EXPECT_EQ(output_, "64\n1048576\n0\nCpus_allowed_list:\t0\n");
}

TEST_F(ChildTest, NamesTheLimitThatCannotBeSet) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  ChildOptions options = shell("");
  options.setup.limits.open_files = static_cast<int64_t>(limit.rlim_max) + 1;

  const Result<std::unique_ptr<Child>> child = Child::spawn(options);

  EXPECT_NE(child.status().message().find(concat("limit its open files to ", options.setup.limits.open_files)),
            std::string::npos)
      << child.status().message();
}

TEST_F(ChildTest, NamesCoresThatThereAreNot) {
  ChildOptions options = shell("");
  options.setup.cores = {kMaxCores - 1};

  const Result<std::unique_ptr<Child>> child = Child::spawn(options);

  EXPECT_NE(child.status().message().find(concat("bind it to the cores ", kMaxCores - 1)), std::string::npos)
      << child.status().message();
}

TEST_F(ChildTest, InheritsOnlyTheNamedDescriptorsAtTheirNumbers) {
  const UniqueFd first(::memfd_create("first", 0));  // not O_CLOEXEC: must be closed all the same
  const UniqueFd second(::memfd_create("second", MFD_CLOEXEC));
  ASSERT_EQ(::write(first.get(), "1", 1), 1);
  ASSERT_EQ(::write(second.get(), "2", 1), 1);
  // Swapped where the numbers are small, so that each is the other's target.
  ChildOptions options = shell("cat /proc/self/fd/" + std::to_string(first.get()) + " /proc/self/fd/" +
                               std::to_string(second.get()) + "; echo; ls /proc/$$/fd | tr '\\n' ' '");
  options.inherit = {{first.get(), second.get()}, {second.get(), first.get()}};
  const UniqueFd other(::open("/dev/null", O_RDONLY));  // stays open in the parent, without O_CLOEXEC

  EXPECT_TRUE(run(options).ok());

  EXPECT_EQ(output_.substr(0, 3), "21\n");
  EXPECT_EQ(output_.find(" " + std::to_string(other.get()) + " "), std::string::npos) << output_;
}

TEST_F(ChildTest, StartsWithDefaultSignalsWhateverTheParentHas) {
  ASSERT_TRUE(block_signals({SIGTERM}).ok());
  ::signal(SIGPIPE, SIG_IGN);

  run(shell("grep -E 'Sig(Blk|Ign)' /proc/self/status | cut -f2"));

  EXPECT_EQ(output_, "0000000000000000\n0000000000000000\n");
}

TEST_F(ChildTest, LeadsItsOwnGroupWhichDiesWithIt) {
  ChildOptions options = shell("sleep 1000 & echo $!; kill -9 $$");
  options.environment = {"PATH=/usr/bin:/bin"};

  const ChildExit exit = run(options);

  EXPECT_EQ(exit.signal, SIGKILL);
  const pid_t sleeper = std::stoi(output_);
  EXPECT_TRUE(testing::eventually(5s, [&] { return !testing::is_alive(sleeper); }));
}

TEST_F(ChildTest, SignalsTheWholeGroup) {
  ChildOptions options = shell("sleep 1000");
  options.environment = {"PATH=/usr/bin:/bin"};
  const std::unique_ptr<Child> child = std::move(*Child::spawn(options));

  child->signal_group(SIGTERM);

  EXPECT_EQ(finish(*child).signal, SIGTERM);
  EXPECT_TRUE(child->is_reaped());
}

TEST_F(ChildTest, IsKilledAndReapedWhenItsObjectGoes) {
  ChildOptions options = shell("sleep 1000");
  options.environment = {"PATH=/usr/bin:/bin"};
  std::unique_ptr<Child> child = std::move(*Child::spawn(options));
  const pid_t pid = child->pid();

  child.reset();

  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(ChildTest, DiesWithItsParent) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    ChildOptions options = shell("sleep 1000");
    options.environment = {"PATH=/usr/bin:/bin"};
    const std::unique_ptr<Child> child = std::move(*Child::spawn(options));
    const pid_t pid = child->pid();
    [[maybe_unused]] const ssize_t written = ::write(ends[1], &pid, sizeof pid);
    ::raise(SIGKILL);
  }
  pid_t pid = -1;
  ASSERT_EQ(::read(ends[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);

  EXPECT_TRUE(testing::eventually(5s, [&] { return !testing::is_alive(pid); }));
}

}  // namespace
}  // namespace fabric::process
