#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/checkpoint/atomic_file.h"

namespace fabric {

/// Writes a zip archive as torch.save does, in one pass: records stored as they are, each beginning at a multiple of 64 bytes.
/// Checksums are computed on a second thread while the file is written.
class ZipWriter {
 public:
  /// Takes the record `name` (without the top directory); `bytes` are borrowed until write() returns.
  void add(std::string name, std::string_view bytes) { records_.push_back({std::move(name), bytes, 0, 0}); }
  /// Writes all of them, in the order in which they came.
  void write(AtomicFile& file);

 private:
  struct Record {
    std::string name;
    std::string_view bytes;
    uint64_t header;  ///< offset of its header
    uint32_t crc;
  };

  void put(AtomicFile& file, std::string_view bytes);
  void put_header(AtomicFile& file, Record& record);
  void put_descriptor(AtomicFile& file, const Record& record);
  void put_directory(AtomicFile& file);

  std::vector<Record> records_;
  uint64_t offset_ = 0;
};

}  // namespace fabric
