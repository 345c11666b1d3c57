#include "runtime/collectives/peer_failure.h"

#include <c10/util/Exception.h>

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/collectives/gloo_backend.h"

namespace fabric {

bool is_peer_failure(const std::exception& error) {
  return dynamic_cast<const c10::DistError*>(&error) != nullptr || dynamic_cast<const PeerError*>(&error) != nullptr ||
         is_gloo_failure(error);
}

std::string brief_reason(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  const std::string all = torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
  return all.substr(0, all.find('\n'));
}

void rethrow_as_peer_error(std::string_view message) {
  try {
    throw;
  } catch (const std::exception& error) {
    if (!is_peer_failure(error)) throw;
    std::throw_with_nested(PeerError(concat(message, ": ", brief_reason(error))));
  }
}

}  // namespace fabric
