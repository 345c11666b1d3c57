#include "runtime/loggers/replace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {
namespace {

[[noreturn]] void fail(std::string_view action, const std::string& path, int error) {
  throw SystemError(concat("cannot ", action, " '", path, "': ", std::strerror(error)));
}

void write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("write", path, errno);
    text.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

void make_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw SystemError(concat("cannot make the directory '", path, "': ", error.message()));
}

UniqueFd replace_file_with(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  UniqueFd file(::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file) fail("create", fresh, errno);
  write_all(file.get(), text, fresh);
  if (::fsync(file.get()) != 0) fail("write", fresh, errno);
  if (::rename(fresh.c_str(), path.c_str()) != 0) fail("replace", path, errno);
  return file;
}

}  // namespace fabric
