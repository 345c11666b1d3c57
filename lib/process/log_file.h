#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/status.h"
#include "core/unique_fd.h"

namespace fabric::process {

/// A log that only grows: in one file or, with a limit, in several, each of which goes on where the one before ends:
/// rank-0.log, rank-0.1.log, rank-0.2.log. Nothing is ever renamed or deleted. One thread only.
class LogFile {
 public:
  struct Options {
    std::string path;          ///< of the first file; the directories above it are made, text that is there is kept
    int64_t rotate_bytes = 0;  ///< a line that would make a file longer than this begins the next one; 0: never
    /// Called when something cannot be written, once: it is missing from the log, with all that follows. Also when the
    /// next file cannot be opened, once: the log goes on in the one that it has. The message says which.
    std::function<void(const Status&)> failed;
  };

  /// Fails with the errno of the step, naming the path.
  static Result<std::unique_ptr<LogFile>> open(Options options);
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  /// Adds bytes. A line stays whole in one file, however long it is, also where it comes in several calls.
  void write(std::string_view bytes);
  /// Returns the path of the newest file.
  const std::string& path() const { return path_; }

 private:
  explicit LogFile(Options options) : options_(std::move(options)), path_(options_.path) {}
  Status open_file(const std::string& path);
  size_t part_for_this_file(std::string_view bytes) const;
  void begin_next_file();
  bool write_all(std::string_view bytes);
  void report(const Status& status) const;

  Options options_;
  std::string path_;
  UniqueFd fd_;
  int64_t size_ = 0;
  int number_ = 0;
  bool is_mid_line_ = false;
};

}  // namespace fabric::process
