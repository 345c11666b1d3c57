#include "control/journal_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <utility>

namespace fabric::control {

namespace {

Result<std::string> read_all(int fd, const std::string& path) {
  std::string text;
  std::array<char, 65536> block;
  for (;;) {
    const ssize_t count = ::read(fd, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_status(errno, concat("read journal '", path, "'"));
    if (count == 0) return text;
    text.append(block.data(), static_cast<size_t>(count));
  }
}

Status write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_status(errno, concat("write journal '", path, "'"));
    text.remove_prefix(static_cast<size_t>(count));
  }
  return ok_status();
}

// The name of a new file is on the disk only once its directory is.
Status sync_directory_of(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string directory = parent.empty() ? "." : parent.string();
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return errno_status(errno, concat("sync directory '", directory, "'"));
  return ok_status();
}

}  // namespace

Result<std::unique_ptr<JournalFile>> JournalFile::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!fd) return errno_status(errno, concat("open journal '", path, "'"));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return errno_status(errno, concat("lock journal '", path, "'"));
    return failed_precondition(
        concat("a job has one coordinator at a time, but another one has the journal '", path, "' open; end it first"));
  }
  Result<std::string> text = read_all(fd.get(), path);
  if (!text) return text.error();
  text->resize(text->rfind('\n') + 1);
  Result<rendezvous::Journal> journal = rendezvous::read_journal(*text);
  if (!journal) return journal.error().with_context(concat("journal '", path, "'"));
  if (::ftruncate(fd.get(), static_cast<off_t>(text->size())) != 0) {
    return errno_status(errno, concat("cut journal '", path, "'"));
  }
  FABRIC_RETURN_IF_ERROR(sync_directory_of(path));
  return std::unique_ptr<JournalFile>(new JournalFile(path, std::move(fd), std::move(*journal)));
}

Status JournalFile::append(const std::string& line) {
  if (!failed_.ok()) return failed_;
  failed_ = write_all(fd_.get(), line + '\n', path_);
  if (failed_.ok() && ::fdatasync(fd_.get()) != 0) failed_ = errno_status(errno, concat("sync journal '", path_, "'"));
  return failed_;
}

}  // namespace fabric::control
