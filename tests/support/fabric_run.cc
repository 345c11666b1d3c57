#include "support/fabric_run.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

extern char** environ;

namespace fabric::testing {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

pid_t spawn_in(const std::filesystem::path& directory, const std::vector<std::string>& command) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, (directory / "out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, (directory / "err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
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

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "fabric-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a directory like " + pattern);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string JobResult::describe() const {
  std::ostringstream text;
  text << "exit code " << exit_code << (timed_out ? " (killed: did not end in time)" : "") << "\n--- stdout\n"
       << out << "--- stderr\n" << err << "--- report.json\n" << report.dump(2) << '\n';
  return text.str();
}

JobResult run_job(const TemporaryDirectory& directory, const std::string& job_yaml, const std::vector<std::string>& flags,
                  std::chrono::seconds timeout) {
  const std::filesystem::path job = directory.path() / "job.yaml";
  std::ofstream(job) << job_yaml;
  std::vector<std::string> command = {std::string(FABRIC_BIN_DIR) + "/fabric-run", job.string()};
  command.insert(command.end(), flags.begin(), flags.end());

  int status = 0;
  JobResult result;
  result.timed_out = !wait_for(spawn_in(directory.path(), command), timeout, status);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = read_file(directory.path() / "out");
  result.err = read_file(directory.path() / "err");
  result.run_directory = directory.path() / "runs" / "latest";
  if (std::filesystem::exists(result.run_directory / "report.json")) {
    result.report = nlohmann::json::parse(read_file(result.run_directory / "report.json"));
  }
  return result;
}

}  // namespace fabric::testing
