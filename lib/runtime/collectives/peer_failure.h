#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace fabric {

/// Returns whether `error` says that another rank failed, left, or did not come in time; false for wrong arguments and faults
/// of this rank.
bool is_peer_failure(const std::exception& error);

/// Returns the first line of what `error` says, without LibTorch's stack trace.
std::string brief_reason(const std::exception& error);

/// Throws PeerError with `message` if the exception that is being handled is a peer's failure, nested in it; otherwise
/// rethrows it unchanged. Call it in a catch block only.
[[noreturn]] void rethrow_as_peer_error(std::string_view message);

}  // namespace fabric
