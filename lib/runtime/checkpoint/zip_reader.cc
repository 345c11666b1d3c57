#include "runtime/checkpoint/zip_reader.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/checkpoint/crc32.h"

namespace fabric {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kEntrySignature = 0x02014b50;
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kZip64EndSignature = 0x06064b50;
constexpr uint32_t kZip64LocatorSignature = 0x07064b50;
constexpr size_t kLocalBytes = 30;
constexpr size_t kEntryBytes = 46;
constexpr size_t kEndBytes = 22;
constexpr size_t kZip64EndBytes = 56;
constexpr size_t kZip64LocatorBytes = 20;
constexpr uint32_t kSaturated = 0xffffffff;
constexpr size_t kChunkBytes = size_t{1} << 20;

/// Reads a little-endian number; the caller has checked that the bytes are there.
template <class T>
T number(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

/// Takes from the zip64 extra field what is saturated in the entry, in the order that the format fixes.
class Zip64Extra {
 public:
  explicit Zip64Extra(std::string_view extra) {
    for (size_t at = 0; at + 4 <= extra.size();) {
      const auto id = number<uint16_t>(extra, at);
      const auto size = number<uint16_t>(extra, at + 2);
      if (at + 4 + size > extra.size()) return;
      if (id == 1) fields_ = extra.substr(at + 4, size);
      at += 4u + size;
    }
  }

  std::optional<uint64_t> widen(uint32_t value) {
    if (value != kSaturated) return value;
    if (fields_.size() < 8) return std::nullopt;
    const auto wide = number<uint64_t>(fields_, 0);
    fields_.remove_prefix(8);
    return wide;
  }

 private:
  std::string_view fields_;
};

}  // namespace

ZipReader::ZipReader(std::string path) : path_(std::move(path)), fd_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (!fd_) {
    const std::string message = concat("cannot open checkpoint '", path_, "': ", std::strerror(errno));
    if (errno == ENOENT || errno == ENOTDIR) throw UsageError(message);
    throw SystemError(message);
  }
  struct stat status = {};
  if (::fstat(fd_.get(), &status) != 0) {
    throw SystemError(concat("cannot read checkpoint '", path_, "': ", std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode)) throw UsageError(concat("checkpoint must be a file, but '", path_, "' is none"));
  file_size_ = static_cast<uint64_t>(status.st_size);
  read_directory();
}

uint64_t ZipReader::size(const std::string& name) const { return record(name).size; }

void ZipReader::read(const std::string& name, void* destination) {
  const Record& found = record(name);
  read_at(data_offset(name, found), found.size, static_cast<char*>(destination));
  if (crc32_of(destination, found.size) != found.crc) {
    damaged(concat("the bytes of record '", name, "' do not match their checksum"));
  }
  verified_.insert(name);
}

std::string ZipReader::read_text(const std::string& name) {
  std::string text(size(name), '\0');
  read(name, text.data());
  return text;
}

void ZipReader::verify_unread() {
  std::string chunk(kChunkBytes, '\0');
  for (const auto& [name, found] : records_) {
    if (verified_.count(name) != 0) continue;
    uint32_t crc = 0;
    const uint64_t begin = data_offset(name, found);
    for (uint64_t done = 0; done < found.size;) {
      const uint64_t part = std::min<uint64_t>(kChunkBytes, found.size - done);
      read_at(begin + done, part, chunk.data());
      crc = crc32_of(chunk.data(), part, crc);
      done += part;
    }
    if (crc != found.crc) damaged(concat("the bytes of record '", name, "' do not match their checksum"));
    verified_.insert(name);
  }
}

ZipReader::Directory ZipReader::find_directory() const {
  const uint64_t tail_bytes = std::min<uint64_t>(file_size_, kEndBytes + 0xffff);
  const uint64_t tail_offset = file_size_ - tail_bytes;
  const std::string tail = read_at(tail_offset, tail_bytes);
  for (size_t at = tail.size() < kEndBytes ? 0 : tail.size() - kEndBytes + 1; at-- > 0;) {
    if (number<uint32_t>(tail, at) != kEndSignature) continue;
    const Directory found{number<uint32_t>(tail, at + 16), number<uint32_t>(tail, at + 12),
                          number<uint16_t>(tail, at + 10)};
    const bool saturated = found.offset == kSaturated || found.size == kSaturated || found.count == 0xffff;
    return saturated ? read_zip64_end(tail_offset + at) : found;
  }
  const std::string head = read_at(0, std::min<uint64_t>(file_size_, 4));
  if (head.size() == 4 && number<uint32_t>(head, 0) == kLocalSignature) {
    damaged("the archive's directory is missing at its end; it was cut short");
  }
  throw UsageError(concat("checkpoint must be a zip archive as torch.save writes since PyTorch 1.6, but '", path_,
                          "' (", file_size_, " bytes) is none"));
}

ZipReader::Directory ZipReader::read_zip64_end(uint64_t end_offset) const {
  if (end_offset < kZip64LocatorBytes) damaged("the zip64 locator is missing");
  const std::string locator = read_at(end_offset - kZip64LocatorBytes, kZip64LocatorBytes);
  if (number<uint32_t>(locator, 0) != kZip64LocatorSignature) damaged("the zip64 locator is missing");
  const auto offset = number<uint64_t>(locator, 8);
  if (offset > file_size_ || file_size_ - offset < kZip64EndBytes) damaged("the zip64 locator points outside the file");
  const std::string end = read_at(offset, kZip64EndBytes);
  if (number<uint32_t>(end, 0) != kZip64EndSignature) damaged("the zip64 end of the directory is missing");
  return {number<uint64_t>(end, 48), number<uint64_t>(end, 40), number<uint64_t>(end, 32)};
}

void ZipReader::read_directory() {
  directory_ = find_directory();
  if (directory_.offset > file_size_ || directory_.size > file_size_ - directory_.offset) {
    damaged("the archive's directory lies outside the file");
  }
  const std::string bytes = read_at(directory_.offset, directory_.size);
  size_t at = 0;
  for (uint64_t i = 0; i < directory_.count; ++i) at = read_entry(bytes, at);
  if (at != bytes.size()) damaged("the archive's directory has bytes that belong to no record");
}

size_t ZipReader::read_entry(const std::string& directory, size_t at) {
  const std::string where = concat("entry at byte ", directory_.offset + at, " of the archive's directory");
  if (directory.size() - at < kEntryBytes || number<uint32_t>(directory, at) != kEntrySignature) {
    damaged(where + " is no entry");
  }
  const size_t name_size = number<uint16_t>(directory, at + 28);
  const size_t extra_size = number<uint16_t>(directory, at + 30);
  const size_t next = at + kEntryBytes + name_size + extra_size + number<uint16_t>(directory, at + 32);
  if (next > directory.size()) damaged(where + " is cut short");
  const bool encrypted = (number<uint16_t>(directory, at + 8) & 1) != 0;
  if (encrypted || number<uint16_t>(directory, at + 10) != 0) {
    damaged(where + " is compressed or encrypted; records of checkpoints are stored as they are");
  }
  Zip64Extra extra(std::string_view(directory).substr(at + kEntryBytes + name_size, extra_size));
  const auto size = extra.widen(number<uint32_t>(directory, at + 24));
  const auto packed_size = extra.widen(number<uint32_t>(directory, at + 20));
  const auto header = extra.widen(number<uint32_t>(directory, at + 42));
  if (!size || !header || size != packed_size) damaged(where + " has no valid size");
  store_entry(directory.substr(at + kEntryBytes, name_size), {*header, *size, number<uint32_t>(directory, at + 16)});
  return next;
}

void ZipReader::store_entry(std::string name, const Record& record) {
  if (top_.empty()) top_ = name.substr(0, name.find('/') + 1);
  if (top_.empty() || name.compare(0, top_.size(), top_) != 0) {
    damaged(concat("record '", name, "' is not in the archive's one directory '", top_, "'"));
  }
  name.erase(0, top_.size());
  if (!records_.emplace(name, record).second) damaged(concat("record '", name, "' stands there twice"));
}

const ZipReader::Record& ZipReader::record(const std::string& name) const {
  const auto found = records_.find(name);
  if (found == records_.end()) damaged(concat("record '", name, "' is missing"));
  return found->second;
}

uint64_t ZipReader::data_offset(const std::string& name, const Record& record) const {
  const uint64_t limit = directory_.offset;
  if (record.header > limit || limit - record.header < kLocalBytes) {
    damaged(concat("record '", name, "' lies outside the file"));
  }
  const std::string header = read_at(record.header, kLocalBytes);
  const uint64_t names = uint64_t{number<uint16_t>(header, 26)} + number<uint16_t>(header, 28);
  const uint64_t begin = record.header + kLocalBytes + names;
  if (number<uint32_t>(header, 0) != kLocalSignature || number<uint16_t>(header, 26) != top_.size() + name.size()) {
    damaged(concat("the header of record '", name, "' at byte ", record.header, " is no header of it"));
  }
  if (begin > limit || limit - begin < record.size) damaged(concat("record '", name, "' lies outside the file"));
  return begin;
}

std::string ZipReader::read_at(uint64_t offset, uint64_t size) const {
  std::string bytes(size, '\0');
  read_at(offset, size, bytes.data());
  return bytes;
}

void ZipReader::read_at(uint64_t offset, uint64_t size, char* destination) const {
  for (uint64_t done = 0; done < size;) {
    const ssize_t got = ::pread(fd_.get(), destination + done, size - done, static_cast<off_t>(offset + done));
    if (got > 0) {
      done += static_cast<uint64_t>(got);
    } else if (got == 0) {
      damaged(concat("it ends at byte ", offset + done, "; it was cut short while it was read"));
    } else if (errno != EINTR) {
      throw SystemError(
          concat("cannot read checkpoint '", path_, "' at byte ", offset + done, ": ", std::strerror(errno)));
    }
  }
}

void ZipReader::damaged(const std::string& what) const {
  throw SystemError(concat("checkpoint '", path_, "' is damaged: ", what, "; load another one"));
}

}  // namespace fabric
