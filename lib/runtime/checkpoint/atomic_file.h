#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/unique_fd.h"

namespace fabric {

/// A file that appears under its name only when it is complete and on the disk: written beside it under a hidden name,
/// synchronised, renamed. Without commit() nothing is left and what stood at the path stays.
class AtomicFile {
 public:
  /// What the hidden name ends with; it begins with a point.
  static constexpr std::string_view kUnfinishedSuffix = ".partial";

  /// Makes the directories above `path` and the hidden file. Throws SystemError with the path and the cause.
  explicit AtomicFile(std::string path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// Takes room on the disk for `size` bytes, where it can, so that the file lies in few pieces and a full disk shows early.
  void expect(uint64_t size) noexcept;
  /// Appends. After the first failure nothing more is written, and commit() reports it: a writer that must not be stopped
  /// by an exception can go on to its end.
  void write(const void* data, size_t size) noexcept;
  /// Makes the file durable and visible. Throws SystemError with the path and the cause if that, or a write before, failed.
  void commit();

 private:
  void flush() noexcept;
  void write_through(const char* data, size_t size) noexcept;
  [[noreturn]] void fail(const char* action, int error) const;

  std::string path_;
  std::string directory_;
  std::string hidden_path_;
  UniqueFd fd_;
  uint64_t written_ = 0;
  std::string buffer_;
  int error_ = 0;
};

}  // namespace fabric
