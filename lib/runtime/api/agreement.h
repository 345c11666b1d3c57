#pragma once

#include <c10/core/Device.h>

#include <exception>
#include <string_view>

#include "fabric/collective.h"

namespace fabric {

/// Returns when all ranks have come here, if none of them failed before. Collective.
///
/// `failure` is what this rank failed with, null if it did not. A rank that failed gets its own exception back; the others get
/// a PeerError that names the first failing rank, `what` and its message. So no rank waits for one that has left.
/// `device` is one that the collective serves.
void agree(Collective& collective, const c10::Device& device, std::string_view what, const std::exception_ptr& failure);

}  // namespace fabric
