#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "core/unique_fd.h"

namespace fabric::frames {

/// Largest payload of a packet.
inline constexpr size_t kMaxPacketBytes = 128 * 1024;
/// Most descriptors that go with one.
inline constexpr size_t kMaxPacketDescriptors = 8;

/// What one packet of a SOCK_SEQPACKET socket brought.
struct DescriptorPacket {
  std::string payload;
  std::vector<UniqueFd> descriptors;  ///< O_CLOEXEC
};

/// Sends a payload, which must not be empty, and copies of descriptors as one packet. Does not block on a non-blocking
/// socket. kUnavailable if the peer is gone or takes nothing now; kInvalidArgument beyond the limits above.
Status send_packet(int socket, std::string_view payload, std::span<const int> descriptors = {});

/// Receives one packet; blocks if the socket does. kUnavailable if the peer has closed its end, kDataLoss for a packet
/// beyond the limits above.
Result<DescriptorPacket> receive_packet(int socket);

}  // namespace fabric::frames
