#include "runtime/checkpoint/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "core/concat.h"
#include "core/unique_fd.h"
#include "fabric/error.h"

namespace fabric {

MappedFile::MappedFile(std::string path) : path_(std::move(path)) {
  const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    const std::string message = concat("cannot open checkpoint '", path_, "': ", std::strerror(errno));
    if (errno == ENOENT || errno == ENOTDIR) throw UsageError(message);
    throw SystemError(message);
  }
  struct stat status = {};
  const bool known = ::fstat(fd.get(), &status) == 0;
  if (known && !S_ISREG(status.st_mode))
    throw UsageError(concat("checkpoint must be a file, but '", path_, "' is none"));
  if (known && status.st_size == 0) return;
  void* const mapped = known ? ::mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_NORESERVE, fd.get(), 0)
                             : MAP_FAILED;
  if (mapped == MAP_FAILED) {
    throw SystemError(concat("cannot read checkpoint '", path_, "': ", std::strerror(errno)));
  }
  data_ = static_cast<char*>(mapped);
  size_ = static_cast<size_t>(status.st_size);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace fabric
