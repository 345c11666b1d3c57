#pragma once

#include <memory>
#include <string>

#include "core/status.h"
#include "core/unique_fd.h"
#include "rendezvous/journal.h"

namespace fabric::control {

/// The journal of a job on a disk. One coordinator at a time: whoever opens it holds a lock until it is closed or dies.
class JournalFile {
 public:
  /// Opens or makes `path` and reads what is there. Its first line says the version and the run, each line ends with its
  /// checksum; a last line that is cut short or damaged, as a crash leaves it, is cut off. kFailedPrecondition if another
  /// coordinator has it open or it is of another run or version, kDataLoss if any other line is damaged, or it is no journal;
  /// the file is left alone then.
  static Result<std::unique_ptr<JournalFile>> open(const std::string& path, const std::string& run_id);

  /// Returns what the file said when it was opened.
  const rendezvous::Journal& journal() const { return journal_; }
  /// Notes that the job is to be run again though it ended, or was to end.
  Status reopen();
  /// Writes one more line. Blocks until it is on the disk. After an error the file is not written to again.
  Status append(const std::string& line);

 private:
  JournalFile(std::string path, UniqueFd fd, rendezvous::Journal journal)
      : path_(std::move(path)), fd_(std::move(fd)), journal_(std::move(journal)) {}

  std::string path_;
  UniqueFd fd_;
  rendezvous::Journal journal_;
  Status failed_;
};

}  // namespace fabric::control
