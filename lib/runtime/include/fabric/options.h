#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "fabric/callback.h"
#include "fabric/checkpoint_policy.h"
#include "fabric/export.h"
#include "fabric/registry.h"

namespace fabric {

/// A kind by its registered name, or an object of one's own.
template <class Family>
using Choice = std::variant<std::string, std::shared_ptr<Family>>;

/// What a Fabric is made with. The job's `fabric:` section fills it; then configure(), the second argument of
/// FABRIC_PROGRAM, may change it on every rank alike.
struct Options {
  /// "auto" or a registered name.
  Choice<Accelerator> accelerator = "auto";
  /// "auto" (ddp in a world of several ranks, else single_device) or a registered name.
  Choice<Strategy> strategy = "auto";
  /// A registered name, or one of the short forms 64, 32, 16, bf16.
  Choice<Precision> precision = "32-true";
  Choice<CheckpointIO> checkpoint_io = "torch";
  CheckpointPolicy checkpoint{};
  /// Made on rank 0 only.
  std::vector<Choice<Logger>> loggers{};
  /// Called in this order.
  std::vector<std::shared_ptr<Callback>> callbacks{};
  /// What seed_everything() takes when it is called without a seed.
  std::optional<uint64_t> seed{};
  /// The kinds that the names above refer to; add your own here.
  Registries registries = Registries::with_builtins();
};

}  // namespace fabric
