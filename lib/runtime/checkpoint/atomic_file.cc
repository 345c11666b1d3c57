#include "runtime/checkpoint/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "core/concat.h"
#include "fabric/error.h"

namespace fabric {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 18;
constexpr size_t kWriteBytes = size_t{8} << 20;

/// Makes `directory` and those above it; returns an errno value, 0 if all are there.
int make_directories(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  return error.value();
}

int sync_directory(const std::string& directory) {
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd && ::fsync(fd.get()) == 0 ? 0 : errno;
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  const std::filesystem::path target(path_);
  directory_ = target.has_parent_path() ? target.parent_path().string() : ".";
  if (const int error = make_directories(directory_)) fail("make the directory of", error);
  // Two writers of one process must not share a name either; a name that a killed process left is passed over.
  static std::atomic<unsigned> counter{0};
  do {
    hidden_path_ =
        concat(directory_, "/.", target.filename().string(), ".", ::getpid(), ".", counter++, kUnfinishedSuffix);
    fd_.reset(::open(hidden_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  } while (!fd_ && errno == EEXIST);
  if (!fd_) fail("write", errno);
  buffer_.reserve(kBufferBytes);
}

AtomicFile::~AtomicFile() {
  if (!hidden_path_.empty()) ::unlink(hidden_path_.c_str());
}

void AtomicFile::expect(uint64_t size) noexcept {
  const int result = ::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size));
  if (result != 0 && errno == ENOSPC && error_ == 0) error_ = ENOSPC;
}

void AtomicFile::write(const void* data, size_t size) noexcept {
  const char* bytes = static_cast<const char*>(data);
  if (buffer_.size() + size > kBufferBytes) flush();
  if (size >= kBufferBytes) {
    write_through(bytes, size);
  } else {
    buffer_.append(bytes, size);
  }
}

void AtomicFile::commit() {
  flush();
  if (error_ != 0) fail("write", error_);
  if (::fsync(fd_.get()) != 0) fail("write", errno);
  if (::close(fd_.release()) != 0) fail("write", errno);
  if (::rename(hidden_path_.c_str(), path_.c_str()) != 0) fail("write", errno);
  hidden_path_.clear();
  // EINVAL: some network file systems cannot synchronise a directory, and need not.
  if (const int error = sync_directory(directory_); error != 0 && error != EINVAL) fail("make durable", error);
}

void AtomicFile::flush() noexcept {
  write_through(buffer_.data(), buffer_.size());
  buffer_.clear();
}

void AtomicFile::write_through(const char* data, size_t size) noexcept {
  while (size > 0 && error_ == 0) {
    const ssize_t written = ::write(fd_.get(), data, std::min(size, kWriteBytes));
    if (written >= 0) {
      // The disk begins at once, and not when commit() waits for it.
      ::sync_file_range(fd_.get(), static_cast<off_t>(written_), written, SYNC_FILE_RANGE_WRITE);
      written_ += static_cast<uint64_t>(written);
      data += written;
      size -= static_cast<size_t>(written);
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
}

void AtomicFile::fail(const char* action, int error) const {
  throw SystemError(concat("cannot ", action, " checkpoint '", path_, "': ", std::strerror(error)));
}

}  // namespace fabric
