#include "control/journal_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "core/crc32.h"

namespace fabric::control {

namespace {

constexpr int kVersion = 1;
constexpr size_t kSealBytes = 9;

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

// A line ends with the CRC-32 of what stands before it, in eight digits.
std::string sealed(const std::string& line) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = line + ' ';
  const uint32_t crc = crc32_of(line);
  for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[(crc >> shift) & 15];
  return text + '\n';
}

// Returns the line without its seal, nullopt if that is broken.
std::optional<std::string> unsealed(std::string_view line) {
  if (line.size() < kSealBytes) return std::nullopt;
  std::string bare(line.substr(0, line.size() - kSealBytes));
  return sealed(bare) == std::string(line) + '\n' ? std::optional(std::move(bare)) : std::nullopt;
}

struct Lines {
  std::string text;       // as read_journal() takes it, without the first line
  size_t good_bytes = 0;  // of the file; what comes after them was being written in a crash
};

// Whatever is at fault in the last line, the machine may have stopped while it was written, before anybody heard of it.
Result<Lines> read_lines(std::string_view file, const std::string& header) {
  Lines lines;
  for (int number = 1; lines.good_bytes < file.size(); ++number) {
    const std::string_view rest = file.substr(lines.good_bytes);
    const size_t end = std::min(rest.find('\n'), rest.size());
    const bool is_last = end + 1 >= rest.size();
    const std::optional<std::string> line = end < rest.size() ? unsealed(rest.substr(0, end)) : std::nullopt;
    if (number == 1 && !line && !sealed(header).starts_with(rest))
      return data_loss("it does not begin as a journal does");
    if (number == 1 && line && *line != header) {
      return failed_precondition(concat("it must begin with '", header, "', but begins with '", *line,
                                        "'; it is of another run, or of another version of fabric-run"));
    }
    if (!line && !is_last) return data_loss(concat("line ", number, " is damaged: its checksum is wrong"));
    if (!line) break;
    if (number > 1) lines.text += *line + '\n';
    lines.good_bytes += end + 1;
  }
  return lines;
}

}  // namespace

Result<std::unique_ptr<JournalFile>> JournalFile::open(const std::string& path, const std::string& run_id) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!fd) return errno_status(errno, concat("open journal '", path, "'"));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return errno_status(errno, concat("lock journal '", path, "'"));
    return failed_precondition(
        concat("a job has one coordinator at a time, but another one has the journal '", path, "' open; end it first"));
  }
  const std::string header = concat("journal ", kVersion, ' ', run_id);
  const std::string what = concat("journal '", path, "'");
  FABRIC_ASSIGN_OR_RETURN(const std::string text, read_all(fd.get(), path));
  const Result<Lines> lines = read_lines(text, header);
  if (!lines) return lines.error().with_context(what);
  Result<rendezvous::Journal> journal = rendezvous::read_journal(lines->text);
  if (!journal) return journal.error().with_context(what);
  if (::ftruncate(fd.get(), static_cast<off_t>(lines->good_bytes)) != 0) {
    return errno_status(errno, concat("cut journal '", path, "'"));
  }
  std::unique_ptr<JournalFile> file(new JournalFile(path, std::move(fd), std::move(*journal)));
  if (lines->good_bytes == 0) FABRIC_RETURN_IF_ERROR(file->append(header));
  FABRIC_RETURN_IF_ERROR(sync_directory_of(path));
  return file;
}

Status JournalFile::reopen() {
  const rendezvous::JobReopened entry;
  FABRIC_RETURN_IF_ERROR(append(rendezvous::to_line(entry)));
  journal_.add(entry);
  return ok_status();
}

Status JournalFile::append(const std::string& line) {
  if (!failed_.ok()) return failed_;
  failed_ = write_all(fd_.get(), sealed(line), path_);
  if (failed_.ok() && ::fdatasync(fd_.get()) != 0) failed_ = errno_status(errno, concat("sync journal '", path_, "'"));
  return failed_;
}

}  // namespace fabric::control
