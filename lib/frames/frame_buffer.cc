#include "frames/frame_buffer.h"

#include <cstring>

namespace fabric::frames {

std::string frame_of(std::string_view payload) {
  const auto length = static_cast<uint32_t>(payload.size());
  std::string frame;
  frame.reserve(sizeof length + payload.size());
  frame.append(reinterpret_cast<const char*>(&length), sizeof length);
  frame += payload;
  return frame;
}

Result<std::optional<std::string>> FrameBuffer::next() {
  uint32_t length = 0;
  const size_t available = bytes_.size() - consumed_;
  if (available < sizeof length) return std::optional<std::string>();
  std::memcpy(&length, bytes_.data() + consumed_, sizeof length);
  if (length > kMaxFrameBytes) {
    return data_loss(concat("a frame must have at most ", kMaxFrameBytes, " bytes, but its header says ", length));
  }
  if (available - sizeof length < length) return std::optional<std::string>();
  std::optional<std::string> payload(std::in_place, bytes_, consumed_ + sizeof length, length);
  consumed_ += sizeof length + length;
  if (consumed_ == bytes_.size() || consumed_ > (1u << 16)) {
    bytes_.erase(0, consumed_);
    consumed_ = 0;
  }
  return payload;
}

}  // namespace fabric::frames
