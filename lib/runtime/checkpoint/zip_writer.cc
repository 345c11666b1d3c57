#include "runtime/checkpoint/zip_writer.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <future>

#include "core/helper_thread.h"
#include "runtime/checkpoint/crc32.h"
#include "runtime/checkpoint/zip_format.h"

namespace fabric {
namespace {

constexpr std::string_view kTop = "archive/";
constexpr uint16_t kFlags = kDescriptorFlag | kUtf8Flag;

/// Little-endian numbers, one after the other.
class Bytes {
 public:
  template <class T>
  Bytes& number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Bytes& text(std::string_view text) {
    bytes_ += text;
    return *this;
  }
  const std::string& str() const { return bytes_; }

 private:
  std::string bytes_;
};

uint32_t narrowed(uint64_t value) { return static_cast<uint32_t>(std::min<uint64_t>(value, kSaturated)); }
uint16_t length(std::string_view text) { return static_cast<uint16_t>(text.size()); }

/// The fields that do not fit into 32 bits, for a header or an entry.
std::string zip64_extra(std::initializer_list<uint64_t> values) {
  Bytes fields;
  for (const uint64_t value : values) {
    if (value >= kSaturated) fields.number(value);
  }
  if (fields.str().empty()) return {};
  return Bytes().number(kZip64ExtraId).number(length(fields.str())).text(fields.str()).str();
}

/// Returns a field that fills the header so that what follows it begins aligned.
std::string padding(uint64_t end_without) {
  const uint64_t size = (kRecordAlignment - (end_without + 4) % kRecordAlignment) % kRecordAlignment;
  return Bytes()
      .number(kPaddingExtraId)
      .number(static_cast<uint16_t>(size))
      .text(std::string(size, kPaddingByte))
      .str();
}

}  // namespace

void ZipWriter::write(AtomicFile& file) {
  std::vector<std::promise<uint32_t>> checksums(records_.size());
  uint64_t total = 0;
  for (const Record& record : records_) total += record.bytes.size();
  file.expect(total);
  const std::jthread thread = start_helper_thread("checksums", [&](const std::stop_token&) {
    for (size_t i = 0; i < records_.size(); ++i) {
      checksums[i].set_value(crc32_of(records_[i].bytes.data(), records_[i].bytes.size()));
    }
  });
  for (size_t i = 0; i < records_.size(); ++i) {
    put_header(file, records_[i]);
    put(file, records_[i].bytes);
    records_[i].crc = checksums[i].get_future().get();
    put_descriptor(file, records_[i]);
  }
  put_directory(file);
}

void ZipWriter::put(AtomicFile& file, std::string_view bytes) {
  file.write(bytes.data(), bytes.size());
  offset_ += bytes.size();
}

void ZipWriter::put_header(AtomicFile& file, Record& record) {
  record.header = offset_;
  const uint64_t size = record.bytes.size();
  const std::string name = std::string(kTop) + record.name;
  // A field of zip64 in the header says that the descriptor's sizes have 8 bytes.
  std::string extra = zip64_extra({size, size});
  extra += padding(offset_ + kLocalBytes + name.size() + extra.size());
  const uint32_t open_size = size >= kSaturated ? kSaturated : 0;
  put(file, Bytes()
                .number(kLocalSignature)
                .number(uint16_t{0})
                .number(kFlags)
                .number(uint16_t{0})
                .number(uint32_t{0})
                .number(uint32_t{0})
                .number(open_size)
                .number(open_size)
                .number(length(name))
                .number(length(extra))
                .text(name)
                .text(extra)
                .str());
}

void ZipWriter::put_descriptor(AtomicFile& file, const Record& record) {
  Bytes bytes;
  bytes.number(kDescriptorSignature).number(record.crc);
  const uint64_t size = record.bytes.size();
  if (size >= kSaturated) {
    bytes.number(size).number(size);
  } else {
    bytes.number(narrowed(size)).number(narrowed(size));
  }
  put(file, bytes.str());
}

void ZipWriter::put_directory(AtomicFile& file) {
  Bytes directory;
  for (const Record& record : records_) {
    const uint64_t size = record.bytes.size();
    const std::string name = std::string(kTop) + record.name;
    const std::string extra = zip64_extra({size, size, record.header});
    directory.number(kEntrySignature).number(uint16_t{0}).number(uint16_t{0}).number(kFlags).number(uint16_t{0});
    directory.number(uint32_t{0}).number(record.crc).number(narrowed(size)).number(narrowed(size));
    directory.number(length(name)).number(length(extra)).number(uint16_t{0}).number(uint32_t{0}).number(uint32_t{0});
    directory.number(narrowed(record.header)).text(name).text(extra);
  }
  const uint64_t size = directory.str().size();
  const uint64_t count = records_.size();
  const uint64_t zip64_end = offset_ + size;
  directory.number(kZip64EndSignature).number(uint64_t{kZip64EndBytes - 12}).number(uint16_t{45}).number(uint16_t{45});
  directory.number(uint32_t{0}).number(uint32_t{0}).number(count).number(count).number(size).number(offset_);
  directory.number(kZip64LocatorSignature).number(uint32_t{0}).number(zip64_end).number(uint32_t{1});
  const auto short_count = static_cast<uint16_t>(std::min<uint64_t>(count, 0xffff));
  directory.number(kEndSignature).number(uint32_t{0}).number(short_count).number(short_count);
  directory.number(narrowed(size)).number(narrowed(offset_));
  directory.number(static_cast<uint16_t>(kDirectoryChecksum.size() + 8));
  std::array<char, 9> digits = {};
  std::snprintf(digits.data(), digits.size(), "%08x", crc32_of(directory.str().data(), directory.str().size()));
  directory.text(kDirectoryChecksum).text({digits.data(), 8});
  put(file, directory.str());
}

}  // namespace fabric
