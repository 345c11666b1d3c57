#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <exception>
#include <string>

namespace fabric {

/// Connects this rank with the others over Gloo, full mesh, and returns the backend. It listens on `address` (numeric), on a
/// port that the kernel chooses. Blocks until all ranks are connected. Throws SystemError if it cannot listen there, otherwise
/// what Gloo or the store throws.
c10::intrusive_ptr<c10d::Backend> make_gloo_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                                    int world_size, const std::string& address,
                                                    std::chrono::milliseconds timeout);

/// Returns whether `error` came from Gloo while it talked to peers: a connection that broke, or a wait that ran out.
bool is_gloo_failure(const std::exception& error);

}  // namespace fabric
