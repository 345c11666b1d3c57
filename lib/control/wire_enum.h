#pragma once

#include "core/status.h"

namespace fabric::control {

// On the wire 0 means "not said", so each enumerator lies one above ours.
template <class Wire, class Plain>
Wire enum_to_wire(Plain value) {
  return static_cast<Wire>(static_cast<int>(value) + 1);
}

template <class Plain>
Result<Plain> enum_from_wire(const char* name, int value, Plain last) {
  if (value >= 1 && value <= static_cast<int>(last) + 1) return static_cast<Plain>(value - 1);
  return invalid_argument(concat(name, " must be one of 1 to ", static_cast<int>(last) + 1, ", but is ", value,
                                 "; the peer may be of another version of Fabric"));
}

}  // namespace fabric::control
