#pragma once

#include <c10/core/Device.h>

#include <string>
#include <string_view>

#include "fabric/value.h"

namespace fabric {

/// Writes `value` as bytes for a broadcast: its structure, and the data of its tensors (dense ones; strides and
/// requires_grad are not kept). Little-endian, of this version only: not a format for files.
///
/// Throws UsageError for a tensor that is not dense or whose dtype has no plain data, and for trees deeper than 100 levels.
std::string encode_value(const Value& value);

/// Reads what encode_value() wrote; tensors that were not on the cpu go to `device`. Executes nothing, never reads past the
/// end, and never allocates more than the input accounts for. Throws InternalError if the input is malformed.
Value decode_value(std::string_view bytes, c10::Device device);

}  // namespace fabric
