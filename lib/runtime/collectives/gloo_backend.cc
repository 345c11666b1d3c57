#include "runtime/collectives/gloo_backend.h"

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "core/concat.h"
#include "fabric/error.h"
#include "runtime/collectives/peer_failure.h"

namespace fabric {

c10::intrusive_ptr<c10d::Backend> make_gloo_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                                    int world_size, const std::string& address,
                                                    std::chrono::milliseconds timeout) {
  auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  try {
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
  } catch (const std::exception& error) {
    std::throw_with_nested(SystemError(
        concat("cannot listen on '", address, "', which must be an address of this node: ", brief_reason(error))));
  }
  options->threads = 2;
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, world_size, options);
}

bool is_gloo_failure(const std::exception& error) {
  // An InvalidOperationException is a wrong argument, not a peer's fault.
  return dynamic_cast<const gloo::Exception*>(&error) != nullptr &&
         dynamic_cast<const gloo::InvalidOperationException*>(&error) == nullptr;
}

}  // namespace fabric
