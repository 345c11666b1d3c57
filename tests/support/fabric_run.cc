#include "support/fabric_run.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "support/eventually.h"
#include "support/file_text.h"

extern char** environ;

namespace fabric::testing {
namespace {

pid_t spawn_in(const std::filesystem::path& directory, const std::vector<std::string>& command, const JobStart& start) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  const auto direct = [&](int number, int to, const char* file) {
    if (to >= 0)
      posix_spawn_file_actions_adddup2(&actions, to, number);
    else
      posix_spawn_file_actions_addopen(&actions, number, (directory / file).c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                       0600);
  };
  direct(1, start.out, "out");
  direct(2, start.err, "err");
  posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " + command[0]);
  return pid;
}

/// Waits for `pid`; returns false if it had to be killed.
bool wait_for(pid_t pid, std::chrono::seconds timeout, int& status) {
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  pollfd ready{pidfd, POLLIN, 0};
  const bool ended = poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(timeout).count())) == 1;
  ::close(pidfd);
  if (!ended) ::kill(pid, SIGKILL);
  ::waitpid(pid, &status, 0);
  return ended;
}

}  // namespace

std::string JobResult::describe() const {
  std::ostringstream text;
  text << "exit code " << exit_code << (timed_out ? " (killed: did not end in time)" : "") << "\n--- stdout\n"
       << out << "--- stderr\n"
       << err << "--- report.json\n"
       << report.dump(2) << '\n';
  return text.str();
}

RunningJob::RunningJob(const TemporaryDirectory& directory, const std::vector<std::string>& arguments,
                       const JobStart& start)
    : directory_(directory.path()) {
  std::vector<std::string> command = start.wrapper;
  command.push_back(std::string(FABRIC_BIN_DIR) + "/fabric-run");
  command.insert(command.end(), arguments.begin(), arguments.end());
  pid_ = spawn_in(directory_, command, start);
}

RunningJob::~RunningJob() {
  if (pid_ < 0) return;
  signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void RunningJob::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);  // -1 would be everybody
}

const std::vector<nlohmann::json>& RunningJob::events() const {
  std::error_code error;
  const auto file = std::filesystem::canonical(directory_ / "runs" / "latest" / "events.jsonl", error);
  if (!error && file != events_file_) {  // that of an earlier job in the same directory until this one makes its own
    events_file_ = file;
    num_read_ = 0;
    events_.clear();
  }
  std::ifstream lines(events_file_);
  lines.seekg(num_read_);
  for (std::string line; std::getline(lines, line) && !lines.eof();) {
    events_.push_back(nlohmann::json::parse(line));
    num_read_ += static_cast<std::streamoff>(line.size()) + 1;
  }
  return events_;
}

bool RunningJob::wait_for_events(const std::string& event, int count, std::chrono::seconds timeout) const {
  return eventually(timeout, [&] {
    const auto& all = events();
    return std::count_if(all.begin(), all.end(), [&](const auto& one) { return one.at("event") == event; }) >= count;
  });
}

JobResult RunningJob::wait(std::chrono::seconds timeout) {
  int status = 0;
  JobResult result;
  result.timed_out = !wait_for(pid_, timeout, status);
  pid_ = -1;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = file_text(directory_ / "out");
  result.err = file_text(directory_ / "err");
  result.run_directory = directory_ / "runs" / "latest";
  result.events = events();
  if (std::filesystem::exists(result.run_directory / "report.json")) {
    result.report = nlohmann::json::parse(file_text(result.run_directory / "report.json"));
  }
  return result;
}

std::vector<std::string> job_arguments(const TemporaryDirectory& directory, const std::string& job_yaml,
                                       const std::vector<std::string>& flags) {
  std::ofstream(directory.file("job.yaml")) << job_yaml;
  std::vector<std::string> arguments = {directory.file("job.yaml")};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return arguments;
}

JobResult run_job(const TemporaryDirectory& directory, const std::string& job_yaml,
                  const std::vector<std::string>& flags, std::chrono::seconds timeout) {
  return RunningJob(directory, job_arguments(directory, job_yaml, flags)).wait(timeout);
}

}  // namespace fabric::testing
