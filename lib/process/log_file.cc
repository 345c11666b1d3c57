#include "process/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace fabric::process {
namespace {

/// "logs/rank-0.log" and 2 are "logs/rank-0.2.log".
std::string numbered(const std::string& path, int number) {
  const std::filesystem::path whole(path);
  return (whole.parent_path() / concat(whole.stem().string(), '.', number, whole.extension().string())).string();
}

}  // namespace

Result<std::unique_ptr<LogFile>> LogFile::open(Options options) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(options.path).parent_path(), error);
  if (error) return errno_status(error.value(), concat("make the directory of log '", options.path, "'"));
  std::unique_ptr<LogFile> log(new LogFile(std::move(options)));
  FABRIC_RETURN_IF_ERROR(log->open_file(log->options_.path));
  return log;
}

Status LogFile::open_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!fd) return errno_status(errno, concat("open log '", path, "'"));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return errno_status(errno, concat("look at log '", path, "'"));
  fd_ = std::move(fd);
  size_ = info.st_size;
  path_ = path;
  return ok_status();
}

void LogFile::write(std::string_view bytes) {
  while (fd_ && !bytes.empty()) {
    const size_t count = options_.rotate_bytes > 0 ? part_for_this_file(bytes) : bytes.size();
    if (count == 0) {
      begin_next_file();
    } else {
      if (!write_all(bytes.substr(0, count))) return;
      bytes.remove_prefix(count);
    }
  }
}

// Whole lines as far as they fit, and at least one where a file begins; the rest of a line that has begun, whatever its
// length.
size_t LogFile::part_for_this_file(std::string_view bytes) const {
  const int64_t room = options_.rotate_bytes - size_;
  if (static_cast<int64_t>(bytes.size()) <= room) return bytes.size();
  if (room > 0) {
    const size_t last_end = bytes.substr(0, static_cast<size_t>(room)).rfind('\n');
    if (last_end != std::string_view::npos) return last_end + 1;
  }
  if (!is_mid_line_ && size_ > 0) return 0;
  const size_t end = bytes.find('\n');
  return end == std::string_view::npos ? bytes.size() : end + 1;
}

void LogFile::begin_next_file() {
  const Status opened = open_file(numbered(options_.path, ++number_));
  if (opened.ok()) return;
  options_.rotate_bytes = 0;
  report(opened.with_context(concat("the log goes on in '", path_, "'")));
}

bool LogFile::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      fd_.reset();
      report(errno_status(errno, concat("write log '", path_, "', which ends here")));
      return false;
    }
    size_ += written;
    is_mid_line_ = bytes[static_cast<size_t>(written) - 1] != '\n';
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

void LogFile::report(const Status& status) const {
  if (options_.failed) options_.failed(status);
}

}  // namespace fabric::process
