#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/status.h"

namespace fabric::frames {

/// Largest payload of one frame; a longer one is refused by both sides.
inline constexpr uint32_t kMaxFrameBytes = 256u << 20;

/// Returns `payload` with its length (32 bits, little-endian) before it, ready to be sent.
/// `payload` must be at most kMaxFrameBytes.
std::string frame_of(std::string_view payload);

/// Cuts a byte stream into frames. Feed it what recv() gave, then take frames until none is whole.
class FrameBuffer {
 public:
  void feed(std::string_view bytes) { bytes_ += bytes; }
  /// Returns the next whole payload, nullopt if more bytes are needed, or kDataLoss for a length over the limit, after
  /// which the stream cannot be trusted and must be closed.
  Result<std::optional<std::string>> next();
  /// Returns whether a part of a frame is waiting for the rest.
  bool is_mid_frame() const { return consumed_ < bytes_.size(); }

 private:
  std::string bytes_;
  size_t consumed_ = 0;
};

}  // namespace fabric::frames
