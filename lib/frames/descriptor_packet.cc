#include "frames/descriptor_packet.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace fabric::frames {
namespace {

union ControlBuffer {
  cmsghdr header;  // for its alignment
  std::array<char, CMSG_SPACE(kMaxPacketDescriptors * sizeof(int))> bytes;
};

Status peer_is_gone() { return unavailable("the other end of the socket is closed"); }

void take_descriptors(msghdr& message, std::vector<UniqueFd>& descriptors) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
}

}  // namespace

Status send_packet(int socket, std::string_view payload, std::span<const int> descriptors) {
  if (payload.empty() || payload.size() > kMaxPacketBytes || descriptors.size() > kMaxPacketDescriptors) {
    return invalid_argument(concat("a packet must have 1 to ", kMaxPacketBytes, " bytes and at most ",
                                   kMaxPacketDescriptors, " descriptors, but has ", payload.size(), " and ",
                                   descriptors.size()));
  }
  iovec part{const_cast<char*>(payload.data()), payload.size()};
  ControlBuffer control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return ok_status();
  if (errno == EPIPE || errno == ECONNRESET) return peer_is_gone();
  if (errno == EAGAIN) return unavailable("the other end of the socket takes nothing now");
  return errno_status(errno, "send a packet");
}

Result<DescriptorPacket> receive_packet(int socket) {
  DescriptorPacket packet;
  packet.payload.resize(kMaxPacketBytes);
  iovec part{packet.payload.data(), packet.payload.size()};
  ControlBuffer control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno != ECONNRESET) return errno_status(errno, "receive a packet");
  if (got <= 0) return peer_is_gone();
  take_descriptors(message, packet.descriptors);
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return data_loss(concat("a packet must have at most ", kMaxPacketBytes, " bytes and ", kMaxPacketDescriptors,
                            " descriptors, but has more"));
  }
  packet.payload.resize(static_cast<size_t>(got));
  return packet;
}

}  // namespace fabric::frames
