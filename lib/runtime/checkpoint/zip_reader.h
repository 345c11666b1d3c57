#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/checkpoint/mapped_file.h"

namespace fabric {

/// Reads the zip archives that torch.save and Fabric write: stored records under one top directory, end to end.
///
/// Trusts nothing: every offset and size is checked against the file, all that stands there twice against each other, and
/// records against their CRC-32, which neither torch.load nor LibTorch's reader does. Errors name the file and the record.
class ZipReader {
 public:
  /// Maps `path` and reads its directory and headers. Throws UsageError if it is not there or is no such archive, SystemError if
  /// it cannot be read or is damaged.
  explicit ZipReader(const std::string& path);

  const std::string& path() const { return file_.path(); }
  bool has(const std::string& name) const { return records_.count(name) != 0; }
  /// Returns the size of the record `name` (without the top directory). Throws SystemError if there is no such record.
  uint64_t size(const std::string& name) const { return record(name).size; }
  /// Returns the memory of the record, which may be changed once it was verified. It lives as long as the reader.
  char* data(const std::string& name) const { return file_.at(record(name).offset); }
  /// Checks the record's bytes the first time. Throws SystemError if they are damaged. Any thread.
  void verify(const std::string& name) const;
  /// Checks the records of at most so many bytes that were not checked so far.
  void verify_all(uint64_t most_bytes = UINT64_MAX) const;
  /// Returns the record's bytes, checked.
  std::string_view verified(const std::string& name) const;

 private:
  struct Record {
    uint64_t header = 0;  ///< offset of the local header
    uint64_t offset = 0;  ///< of the bytes
    uint64_t size = 0;
    uint32_t crc = 0;
    uint16_t flags = 0;
    uint32_t time = 0;  ///< and date
    mutable std::atomic<bool> is_verified = false;
  };
  struct Directory {
    uint64_t offset = 0;
    uint64_t size = 0;
    uint64_t count = 0;
    uint64_t end = 0;  ///< of the file's part that is not a comment
  };

  using NamedRecord = std::pair<const std::string*, const Record*>;

  void verify_those(const std::vector<NamedRecord>& those) const;
  Directory find_directory() const;
  Directory read_zip64_end(uint64_t end_offset) const;
  void check_comment() const;
  void read_directory();
  /// Reads the entry at `at` of the directory, stores it, and returns where the next one begins.
  uint64_t read_entry(uint64_t at);
  Record& store_entry(std::string name);
  /// Reads the local headers, in the order of the file: there must be nothing between the records.
  void read_headers();
  /// Returns where the next header must begin.
  uint64_t read_header(const std::string& name, Record& record) const;
  void check_extra(const std::string& name, std::string_view extra, const Record& record) const;
  uint64_t check_descriptor(const std::string& name, const Record& record) const;
  const Record& record(const std::string& name) const;
  [[noreturn]] void damaged(const std::string& what) const;

  MappedFile file_;
  std::string_view bytes_;
  Directory directory_;
  std::string top_;  ///< with its slash
  std::map<std::string, Record> records_;
};

}  // namespace fabric
