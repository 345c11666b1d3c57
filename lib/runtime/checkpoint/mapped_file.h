#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fabric {

/// A whole file in memory, as a private copy on write: whoever changes it changes no file and nobody else's view. Nothing is
/// read before it is touched. The file must not be cut short or written in place meanwhile (that ends the process by SIGBUS);
/// replaced or removed it may be.
class MappedFile {
 public:
  /// Throws UsageError if `path` is not there or no file, SystemError if it cannot be read.
  explicit MappedFile(std::string path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const std::string& path() const { return path_; }
  std::string_view bytes() const { return {data_, size_}; }
  /// Returns the memory at `offset`, which may be changed.
  char* at(uint64_t offset) const { return data_ + offset; }

 private:
  std::string path_;
  char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace fabric
