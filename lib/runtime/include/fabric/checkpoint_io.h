#pragma once

#include <string>

#include "fabric/export.h"
#include "fabric/value.h"

namespace fabric {

/// Writes and reads whole checkpoints. Called by one rank (save, remove) or by each (load).
class FABRIC_API CheckpointIO {
 public:
  virtual ~CheckpointIO();

  virtual std::string name() const = 0;
  /// Writes `checkpoint` to `path` so that either all of it is there afterwards or nothing changed. Makes the directories
  /// above. Throws SystemError with the path and the cause.
  virtual void save(const Value& checkpoint, const std::string& path) = 0;
  /// Returns what was saved, tensors on the CPU. Throws UsageError if `path` is not there or is no checkpoint, SystemError if it
  /// cannot be read or is damaged. Executes nothing of what it reads.
  virtual Value load(const std::string& path) = 0;
  /// Removes the checkpoint; nothing happens if there is none.
  virtual void remove(const std::string& path) = 0;
};

}  // namespace fabric
