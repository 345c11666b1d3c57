#include "run_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "core/unique_fd.h"

namespace fabric::launcher {
namespace {

constexpr mode_t kDirectoryMode = 0750;

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), kDirectoryMode) == 0) return ok_status();
  return errno_status(errno, concat("make directory '", path, "'"));
}

Status write_all(int fd, const std::string& text, const std::string& path) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = ::write(fd, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno_status(errno, concat("write '", path, "'"));
    done += static_cast<size_t>(wrote);
  }
  return ok_status();
}

}  // namespace

std::string make_run_id(const std::string& name, int64_t wall_ns, uint16_t random) {
  const auto seconds = static_cast<time_t>(wall_ns / 1'000'000'000);
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> time{};
  std::strftime(time.data(), time.size(), "%Y%m%d-%H%M%S", &parts);
  std::array<char, 8> suffix{};
  std::snprintf(suffix.data(), suffix.size(), "%04x", static_cast<unsigned>(random));
  return concat(name, '-', time.data(), '-', suffix.data());
}

Status make_runs_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return ok_status();
  return errno_status(error.value(), concat("make directory '", path, "'"));
}

Result<RunDirectory> make_run_directory(const std::string& runs_directory, const std::string& run_id) {
  const RunDirectory directory{concat(runs_directory, '/', run_id)};
  if (::mkdir(directory.path.c_str(), kDirectoryMode) != 0) {
    if (errno != EEXIST) return errno_status(errno, concat("make directory '", directory.path, "'"));
    return already_exists(
        concat("a run's directory must be new, but '", directory.path, "' exists; choose another --run-id"));
  }
  for (const char* name : {"logs", "checkpoints", "program"}) {
    const Status made = make_directory(directory.file(name));
    if (made.ok()) continue;
    std::error_code ignored;
    std::filesystem::remove_all(directory.path, ignored);
    return made;
  }
  return directory;
}

void point_latest_at(const std::string& runs_directory, const std::string& run_id) {
  const std::string fresh = concat(runs_directory, "/.latest-", ::getpid());
  ::unlink(fresh.c_str());
  if (::symlink(run_id.c_str(), fresh.c_str()) != 0) return;
  if (::rename(fresh.c_str(), concat(runs_directory, "/latest").c_str()) != 0) ::unlink(fresh.c_str());
}

Status write_whole_file(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".part";
  const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!fd) return errno_status(errno, concat("open '", fresh, "'"));
  FABRIC_RETURN_IF_ERROR(write_all(fd.get(), text, fresh));
  if (::rename(fresh.c_str(), path.c_str()) != 0)
    return errno_status(errno, concat("rename '", fresh, "' to '", path, "'"));
  return ok_status();
}

}  // namespace fabric::launcher
