#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fabric {

// The parts of a zip archive as torch.save writes it: records that are stored as they are, each behind a header that is padded
// so that the record begins at a multiple of 64, and before a descriptor with its checksum; the directory; its end.

constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kDescriptorSignature = 0x08074b50;
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
constexpr uint16_t kDescriptorFlag = 0x0008;
constexpr uint16_t kUtf8Flag = 0x0800;
constexpr uint16_t kZip64ExtraId = 1;
constexpr uint16_t kPaddingExtraId = 0x4246;  ///< "FB", PyTorch's
constexpr char kPaddingByte = 'Z';
constexpr size_t kRecordAlignment = 64;

/// Stands as the archive's comment, before the CRC-32 of the directory and of its end in 8 hexadecimal digits: torch.save's
/// archives have no checksum of those.
constexpr std::string_view kDirectoryChecksum = "fabric-directory-crc32:";

}  // namespace fabric
