#pragma once

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <string>

namespace fabric {

/// A timeout for those who would rather wait for ever: Gloo and NCCL want a number, and count milliseconds in 32 bits.
inline constexpr std::chrono::milliseconds kLongestTimeout = std::chrono::hours(14 * 24);

/// Joins the other ranks and returns the process group of all of them, called "default".
///
/// Every rank must call it, once, with the same `world_size`, `backend` and `timeout`. `backend` is "gloo" (cpu tensors) or
/// "nccl" (cuda tensors; needs libfabric_cuda.so). `address` is the numeric address on which this rank listens. `timeout`
/// bounds the joining and is the default of every later operation; it must be positive. Blocks until all ranks have come.
///
/// Throws PeerError that names the ranks that have not come, UsageError for an unknown backend or one that
/// cannot run here, SystemError if this rank cannot listen on `address`.
c10::intrusive_ptr<c10d::ProcessGroup> make_process_group(c10::intrusive_ptr<c10d::Store> store, int rank,
                                                          int world_size, const std::string& backend,
                                                          const std::string& address,
                                                          std::chrono::milliseconds timeout);

}  // namespace fabric
