#include "runtime/checkpoint/zip_reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <vector>

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/checkpoint/crc32.h"
#include "runtime/checkpoint/zip_format.h"

namespace fabric {
namespace {

/// Reads a little-endian number; the caller has checked that the bytes are there.
template <class T>
T number(std::string_view bytes, uint64_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

/// Calls `visit(id, bytes)` for each field; false if they do not fill `extra`.
template <class Visit>
bool for_each_field(std::string_view extra, const Visit& visit) {
  while (extra.size() >= 4) {
    const auto size = number<uint16_t>(extra, 2);
    if (size > extra.size() - 4) return false;
    visit(number<uint16_t>(extra, 0), extra.substr(4, size));
    extra.remove_prefix(4u + size);
  }
  return extra.empty();
}

/// Takes from the zip64 extra field what is saturated in the entry, in the order that the format fixes.
class Zip64Extra {
 public:
  explicit Zip64Extra(std::string_view extra) {
    for_each_field(extra, [this](uint16_t id, std::string_view bytes) {
      if (id == kZip64ExtraId) fields_ = bytes;
    });
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

ZipReader::ZipReader(const std::string& path) : file_(path), bytes_(file_.bytes()) {
  directory_ = find_directory();
  if (directory_.offset > bytes_.size() || directory_.size > bytes_.size() - directory_.offset) {
    damaged("the archive's directory lies outside the file");
  }
  check_comment();
  read_directory();
  read_headers();
}

void ZipReader::verify(const std::string& name) const {
  const Record& found = record(name);
  if (!found.is_verified) verify_those({{&name, &found}});
}

void ZipReader::verify_all(uint64_t most_bytes) const {
  std::vector<NamedRecord> those;
  for (const auto& [name, found] : records_) {
    if (!found.is_verified && found.size <= most_bytes) those.emplace_back(&name, &found);
  }
  verify_those(those);
}

void ZipReader::verify_those(const std::vector<NamedRecord>& those) const {
  std::vector<std::string_view> pieces;
  for (const auto& [name, found] : those) pieces.push_back(bytes_.substr(found->offset, found->size));
  const std::vector<uint32_t> crcs = crc32_in_parallel(pieces);
  for (size_t i = 0; i < those.size(); ++i) {
    const auto& [name, found] = those[i];
    if (crcs[i] != found->crc) damaged(concat("the bytes of record '", *name, "' do not match their checksum"));
    found->is_verified = true;
  }
}

std::string_view ZipReader::verified(const std::string& name) const {
  verify(name);
  return {data(name), size(name)};
}

ZipReader::Directory ZipReader::find_directory() const {
  const uint64_t last = bytes_.size() < kEndBytes ? 0 : bytes_.size() - kEndBytes + 1;
  const uint64_t first = last > 0xffff ? last - 0xffff : 0;
  for (uint64_t at = last; at-- > first;) {
    if (number<uint32_t>(bytes_, at) != kEndSignature) continue;
    if (at + kEndBytes + number<uint16_t>(bytes_, at + 20) != bytes_.size()) continue;
    Directory found{number<uint32_t>(bytes_, at + 16), number<uint32_t>(bytes_, at + 12),
                    number<uint16_t>(bytes_, at + 10), at + kEndBytes};
    const bool has_zip64 =
        at >= kZip64LocatorBytes && number<uint32_t>(bytes_, at - kZip64LocatorBytes) == kZip64LocatorSignature;
    const bool is_saturated = found.offset == kSaturated || found.size == kSaturated || found.count == 0xffff;
    if (has_zip64 || is_saturated) return read_zip64_end(at);
    if (found.offset + found.size != at) damaged("the archive's directory does not reach to its end");
    return found;
  }
  if (bytes_.size() >= 4 && number<uint32_t>(bytes_, 0) == kLocalSignature) {
    damaged("the archive's directory is missing at its end; it was cut short");
  }
  throw UsageError(concat("checkpoint must be a zip archive as torch.save writes since PyTorch 1.6, but '", path(),
                          "' (", bytes_.size(), " bytes) is none"));
}

ZipReader::Directory ZipReader::read_zip64_end(uint64_t end_offset) const {
  if (end_offset < kZip64LocatorBytes + kZip64EndBytes) damaged("the zip64 locator is missing");
  const uint64_t locator = end_offset - kZip64LocatorBytes;
  if (number<uint32_t>(bytes_, locator) != kZip64LocatorSignature) damaged("the zip64 locator is missing");
  const auto offset = number<uint64_t>(bytes_, locator + 8);
  if (offset != locator - kZip64EndBytes) damaged("the zip64 locator points elsewhere than to what is before it");
  if (number<uint32_t>(bytes_, offset) != kZip64EndSignature) damaged("the zip64 end of the directory is missing");
  const Directory found{number<uint64_t>(bytes_, offset + 48), number<uint64_t>(bytes_, offset + 40),
                        number<uint64_t>(bytes_, offset + 32), end_offset + kEndBytes};
  if (found.offset > offset || offset - found.offset != found.size) {
    damaged("the archive's directory does not reach to its end");
  }
  return found;
}

void ZipReader::check_comment() const {
  std::string_view comment = bytes_.substr(directory_.end);
  if (comment.empty()) return;  // of torch.save
  uint32_t crc = 0;
  const bool is_ours = comment.size() == kDirectoryChecksum.size() + 8 && comment.starts_with(kDirectoryChecksum);
  const char* const end = comment.data() + comment.size();
  if (!is_ours || std::from_chars(end - 8, end, crc, 16).ptr != end) damaged("its last bytes are no checksum");
  if (crc32_of(file_.at(directory_.offset), directory_.end - directory_.offset) != crc) {
    damaged("the archive's directory does not match its checksum");
  }
}

void ZipReader::read_directory() {
  uint64_t at = directory_.offset;
  for (uint64_t i = 0; i < directory_.count; ++i) at = read_entry(at);
  if (at != directory_.offset + directory_.size) {
    damaged("the archive's directory has bytes that belong to no record");
  }
}

uint64_t ZipReader::read_entry(uint64_t at) {
  const std::string where = concat("entry at byte ", at, " of the archive's directory");
  const uint64_t left = directory_.offset + directory_.size - at;
  if (left < kEntryBytes || number<uint32_t>(bytes_, at) != kEntrySignature) damaged(where + " is no entry");
  const size_t name_size = number<uint16_t>(bytes_, at + 28);
  const size_t extra_size = number<uint16_t>(bytes_, at + 30);
  const size_t size_here = kEntryBytes + name_size + extra_size + number<uint16_t>(bytes_, at + 32);
  if (size_here > left) damaged(where + " is cut short");
  const auto flags = number<uint16_t>(bytes_, at + 8);
  if ((flags & 1) != 0 || number<uint16_t>(bytes_, at + 10) != 0) {
    damaged(where + " is compressed or encrypted; records of checkpoints are stored as they are");
  }
  Zip64Extra extra(bytes_.substr(at + kEntryBytes + name_size, extra_size));
  const auto size = extra.widen(number<uint32_t>(bytes_, at + 24));
  const auto packed_size = extra.widen(number<uint32_t>(bytes_, at + 20));
  const auto header = extra.widen(number<uint32_t>(bytes_, at + 42));
  if (!size || !header || size != packed_size) damaged(where + " has no valid size");
  Record& stored = store_entry(std::string(bytes_.substr(at + kEntryBytes, name_size)));
  stored.header = *header;
  stored.size = *size;
  stored.crc = number<uint32_t>(bytes_, at + 16);
  stored.flags = flags;
  stored.time = number<uint32_t>(bytes_, at + 12);
  return at + size_here;
}

ZipReader::Record& ZipReader::store_entry(std::string name) {
  if (top_.empty()) top_ = name.substr(0, name.find('/') + 1);
  if (top_.empty() || name.compare(0, top_.size(), top_) != 0) {
    damaged(concat("record '", name, "' is not in the archive's one directory '", top_, "'"));
  }
  name.erase(0, top_.size());
  const auto [place, is_new] = records_.try_emplace(name);
  if (!is_new) damaged(concat("record '", name, "' stands there twice"));
  return place->second;
}

void ZipReader::read_headers() {
  std::vector<std::pair<const std::string, Record>*> in_order;
  in_order.reserve(records_.size());
  for (auto& item : records_) in_order.push_back(&item);
  std::sort(in_order.begin(), in_order.end(),
            [](const auto* a, const auto* b) { return a->second.header < b->second.header; });
  uint64_t at = 0;
  for (auto* const item : in_order) {
    if (item->second.header != at)
      damaged(concat("record '", item->first, "' must begin at byte ", at, ", but does not"));
    at = read_header(item->first, item->second);
  }
  if (at != directory_.offset) damaged(concat("the bytes from ", at, " on belong to no record"));
}

uint64_t ZipReader::read_header(const std::string& name, Record& found) const {
  const uint64_t at = found.header;
  const uint64_t limit = directory_.offset;
  const std::string where = concat("the header of record '", name, "' at byte ", at);
  if (limit - at < kLocalBytes || number<uint32_t>(bytes_, at) != kLocalSignature) damaged(where + " is missing");
  const uint64_t name_size = number<uint16_t>(bytes_, at + 26);
  const uint64_t extra_size = number<uint16_t>(bytes_, at + 28);
  const uint64_t left = limit - at - kLocalBytes;
  if (name_size + extra_size > left || left - name_size - extra_size < found.size) {
    damaged(concat("record '", name, "' lies outside the file"));
  }
  const bool is_same = bytes_.substr(at + kLocalBytes, name_size) == top_ + name &&
                       number<uint16_t>(bytes_, at + 6) == found.flags && number<uint16_t>(bytes_, at + 8) == 0 &&
                       number<uint32_t>(bytes_, at + 10) == found.time;
  if (!is_same) damaged(where + " differs from the archive's directory");
  check_extra(name, bytes_.substr(at + kLocalBytes + name_size, extra_size), found);
  found.offset = at + kLocalBytes + name_size + extra_size;
  const auto crc = number<uint32_t>(bytes_, at + 14);
  const auto packed_size = number<uint32_t>(bytes_, at + 18);
  const auto size = number<uint32_t>(bytes_, at + 22);
  const bool is_left_open = (found.flags & kDescriptorFlag) != 0 && crc == 0;
  const bool is_wide = size == kSaturated && packed_size == kSaturated;
  const bool has_size = is_wide || (size == found.size && packed_size == found.size);
  if (!(is_left_open && size == 0 && packed_size == 0) && !((is_left_open || crc == found.crc) && has_size)) {
    damaged(where + " differs from the archive's directory");
  }
  return check_descriptor(name, found);
}

void ZipReader::check_extra(const std::string& name, std::string_view extra, const Record& found) const {
  bool is_right = true;
  const bool is_whole = for_each_field(extra, [&](uint16_t id, std::string_view bytes) {
    if (id == kPaddingExtraId) is_right &= bytes.find_first_not_of(kPaddingByte) == std::string_view::npos;
    // LibTorch's writer puts the header's own offset there too, and leaves sizes open that the descriptor has.
    for (size_t i = 0; id == kZip64ExtraId && i + 8 <= bytes.size(); i += 8) {
      const auto value = number<uint64_t>(bytes, i);
      is_right &= value == 0 || value == found.size || value == found.header;
    }
  });
  if (!is_right || !is_whole) damaged(concat("the padding before record '", name, "' is not what it must be"));
}

uint64_t ZipReader::check_descriptor(const std::string& name, const Record& found) const {
  const uint64_t end = found.offset + found.size;
  if ((found.flags & kDescriptorFlag) == 0) return end;
  const std::string_view rest = bytes_.substr(end, directory_.offset - end);
  const bool is_there =
      rest.size() >= 16 && number<uint32_t>(rest, 0) == kDescriptorSignature && number<uint32_t>(rest, 4) == found.crc;
  const auto holds = [&](uint64_t size, uint64_t packed_size) {
    return size == found.size && packed_size == found.size;
  };
  // With sizes of 8 bytes where they need it; LibTorch also writes these where it wrote a zip64 field.
  if (is_there && rest.size() >= 24 && holds(number<uint64_t>(rest, 8), number<uint64_t>(rest, 16))) return end + 24;
  if (is_there && holds(number<uint32_t>(rest, 8), number<uint32_t>(rest, 12))) return end + 16;
  damaged(concat("the descriptor of record '", name, "' at byte ", end, " differs from the archive's directory"));
}

const ZipReader::Record& ZipReader::record(const std::string& name) const {
  const auto found = records_.find(name);
  if (found == records_.end()) damaged(concat("record '", name, "' is missing"));
  return found->second;
}

void ZipReader::damaged(const std::string& what) const {
  throw SystemError(concat("checkpoint '", path(), "' is damaged: ", what, "; load another one"));
}

}  // namespace fabric
