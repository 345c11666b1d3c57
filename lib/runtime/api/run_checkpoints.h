#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fabric/checkpoint_io.h"
#include "fabric/checkpoint_policy.h"

namespace fabric {

/// The checkpoints in the directory of one run. Used by rank 0.
class RunCheckpoints {
 public:
  /// `io` is borrowed; `directory` is that of the checkpoints and need not be there.
  RunCheckpoints(CheckpointIO& io, std::string directory, CheckpointPolicy policy)
      : io_(io), directory_(std::move(directory)), policy_(std::move(policy)) {}

  /// Returns the name that end_step() gives to the checkpoint of `step`: "step-<n>.ckpt".
  static std::string name_of(int64_t step);
  /// Returns the step of such a name.
  static std::optional<int64_t> step_of(const std::string& name);

  /// Removes what ranks that were killed while they saved have left. To be called while none of this run saves.
  void remove_unfinished() const;
  /// Returns the paths of all checkpoints that are there, those written last first.
  std::vector<std::string> newest_first() const;
  /// Notes that the checkpoint of `step` was written, when the policy's metric was `metric`: leads best.ckpt to the best one,
  /// and removes those that the policy does not keep. Only ones that end_step() made are touched. Throws SystemError if one
  /// cannot be removed.
  void after_save(int64_t step, std::optional<double> metric);

 private:
  struct Kept {
    int64_t step = 0;
    std::optional<double> metric;
  };

  void find_kept();
  std::vector<Kept> best_first() const;
  void point_best_at(int64_t step) const;

  CheckpointIO& io_;
  std::string directory_;
  CheckpointPolicy policy_;
  std::optional<std::vector<Kept>> kept_;  ///< ascending by step; nullopt until they were looked for
};

}  // namespace fabric
