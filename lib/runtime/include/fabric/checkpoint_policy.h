#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace fabric {

/// Which checkpoints end_step() makes of its state, which of them stay, and where resume() begins: section `checkpoint` of the
/// job. All ranks have the same.
struct CheckpointPolicy {
  /// After so many steps, at least 1.
  std::optional<int64_t> every_steps{};
  /// After so much time since the last one, at the next step on which the ranks can agree.
  std::optional<std::chrono::milliseconds> every{};
  /// So many of the latest stay, at least 1; nullopt: all.
  std::optional<int64_t> keep_last{};
  /// A metric that rank 0 logs: beside the latest those stay that have its best values. Empty: none.
  std::string best{};
  /// Whether the larger value of that metric is the better one.
  bool best_is_max = false;
  /// How many of the best stay, at least 1.
  int64_t keep_best = 1;
  /// Absolute path of the checkpoint at which a run begins that has none of its own. Empty: it begins anew.
  std::string resume_from{};
};

}  // namespace fabric
