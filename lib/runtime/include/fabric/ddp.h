#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "fabric/export.h"
#include "fabric/strategy.h"

namespace fabric {

/// Settings of strategy "ddp"; the words are those of PyTorch's DistributedDataParallel.
struct DdpOptions {
  /// Whether a backward pass may leave parameters out. They get the mean of what other ranks computed, or keep no gradient if
  /// no rank used them. Costs a search of the graph and one more reduction in each pass; off, an unused parameter is an error.
  bool find_unused_parameters = false;
  /// Whether buffers (running statistics of BatchNorm, for example) are copied from rank 0 after each synchronised pass.
  bool broadcast_buffers = true;
  /// Gradients are reduced in buckets of this size, while the backward pass goes on. Must be positive.
  int64_t bucket_bytes = int64_t{25} << 20;
  /// Size of the bucket that is ready first; smaller, so that the reduction starts early. Must be positive.
  int64_t first_bucket_bytes = int64_t{1} << 20;
  /// How long an operation waits for the other ranks before it fails; without limit while a debugger may hold one of them
  /// (`fabric-run --wrap`). Must be positive.
  std::chrono::milliseconds timeout = std::chrono::minutes(30);
};

/// Throws UsageError that names the field if one is out of its range.
FABRIC_API void validate(const DdpOptions& options);

/// Returns the strategy "ddp" with these settings, for `Options::strategy` in a program's configure().
/// Throws UsageError as validate() does.
FABRIC_API std::unique_ptr<Strategy> make_ddp_strategy(const DdpOptions& options = {});

}  // namespace fabric
