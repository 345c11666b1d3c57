#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/unique_fd.h"

namespace fabric {

/// Reads the zip archives that torch.save and PyTorchStreamWriter write: stored records under one top directory.
///
/// Trusts nothing: every offset and size is checked against the file, and every record against its CRC-32, which neither
/// torch.load nor LibTorch's reader does. Errors name the file and the record. Not for several threads at once.
class ZipReader {
 public:
  /// Opens `path` and reads its directory. Throws UsageError if it is not there or is no such archive, SystemError if it
  /// cannot be read or is damaged.
  explicit ZipReader(std::string path);

  bool has(const std::string& name) const { return records_.count(name) != 0; }
  /// Returns the bytes of the record `name` (without the top directory). Throws SystemError if there is no such record.
  uint64_t size(const std::string& name) const;
  /// Reads the whole record to `destination`, which has room for size(name) bytes. Throws SystemError if it is damaged.
  void read(const std::string& name, void* destination);
  std::string read_text(const std::string& name);
  /// Checks the records that were not read so far.
  void verify_unread();

 private:
  struct Record {
    uint64_t header = 0;  ///< offset of the local header
    uint64_t size = 0;
    uint32_t crc = 0;
  };
  struct Directory {
    uint64_t offset = 0;
    uint64_t size = 0;
    uint64_t count = 0;
  };

  Directory find_directory() const;
  Directory read_zip64_end(uint64_t end_offset) const;
  void read_directory();
  /// Reads the entry at `at` of `directory`, stores it, and returns where the next one begins.
  size_t read_entry(const std::string& directory, size_t at);
  void store_entry(std::string name, const Record& record);
  const Record& record(const std::string& name) const;
  uint64_t data_offset(const std::string& name, const Record& record) const;
  std::string read_at(uint64_t offset, uint64_t size) const;
  void read_at(uint64_t offset, uint64_t size, char* destination) const;
  [[noreturn]] void damaged(const std::string& what) const;

  std::string path_;
  UniqueFd fd_;
  uint64_t file_size_ = 0;
  Directory directory_;
  std::string top_;  ///< with its slash
  std::map<std::string, Record> records_;
  std::set<std::string> verified_;
};

}  // namespace fabric
