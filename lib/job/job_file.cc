#include "job/job_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/unique_fd.h"

namespace fabric::job {
namespace {

Status read_failure(int error_number, std::string_view action) {
  const Status status = errno_status(error_number, action);
  return {status.code(),
          concat("must be a file that can be read, but fabric-run ", status.message(), "; check the path")};
}

Status check_file(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return read_failure(errno, "look at it");
  if (S_ISDIR(info.st_mode)) {
    return invalid_argument("must be a file, but is a directory; name the job.yaml in it");
  }
  if (!S_ISREG(info.st_mode)) {
    return invalid_argument("must be a regular file, but is a device or a pipe; write it into a file");
  }
  return ok_status();
}

}  // namespace

Result<std::string> read_job_text(const std::string& path) {
  // O_NONBLOCK, so that a named pipe is refused and not waited for.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return read_failure(errno, "open it");
  FABRIC_RETURN_IF_ERROR(check_file(fd.get()));
  std::string text(kMaxJobBytes + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return read_failure(errno, "read it");
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > kMaxJobBytes) {
    return invalid_argument(
        concat("must be at most ", kMaxJobBytes, " bytes, but is longer; put data into a file of its own"));
  }
  text.resize(size);
  return text;
}

}  // namespace fabric::job
