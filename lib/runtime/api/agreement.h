#pragma once

#include <c10/core/Device.h>

#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "fabric/collective.h"

namespace fabric {

/// Returns what `body` throws, null if it returns.
template <class Body>
std::exception_ptr failure_of(const Body& body) {
  try {
    body();
    return nullptr;
  } catch (...) {
    return std::current_exception();
  }
}

/// How a rank failed.
struct RankFailure {
  int rank = 0;
  std::string message;
};

/// Returns how the first rank failed, if one did; the same on all ranks. `failure` and `device` as below. Collective.
std::optional<RankFailure> find_failure(Collective& collective, const c10::Device& device,
                                        const std::exception_ptr& failure);

/// Throws for what find_failure() found: `failure`, if this rank failed itself, else a PeerError that names the rank, `what` and
/// its message.
[[noreturn]] void throw_failure(const RankFailure& found, std::string_view what, const std::exception_ptr& failure);

/// Returns when all ranks have come here, if none of them failed before. Collective.
///
/// `failure` is what this rank failed with, null if it did not. A rank that failed gets its own exception back; the others get
/// a PeerError that names the first failing rank, `what` and its message. So no rank waits for one that has left.
/// `device` is one that the collective serves.
void agree(Collective& collective, const c10::Device& device, std::string_view what, const std::exception_ptr& failure);

}  // namespace fabric
